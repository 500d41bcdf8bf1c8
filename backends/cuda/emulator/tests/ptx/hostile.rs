//! Text that is cut off, changed or shuffled gives a fault or a module, never a panic, and modules
//! that come out of it run to a result or a fault.

use crate::support::{Gpu, bytes, entry, source};
use cotangent_cuda_emulator::Module;

const BODY: &str = "
    .shared .align 16 .b8 s[512];
    .local .align 4 .b8 l[16];
    ld.param.u64 %a0, [p0];
    mov.u32 %r0, %tid.x;
    mad.wide.u32 %a1, %r0, 4, %a0;
    ld.global.v2.f32 {%f0, %f1}, [%a0];
    fma.rn.f32 %f2, %f0, 0f40000000, %f1;
    cvt.rzi.s32.f32 %r1, %f2;
    cvt.rn.f16.f32 %h0, %f0;
    st.shared.u32 [s+4], 7;
    setp.lt.and.u32 %p1|%p2, %r0, 9, !%p0;
    div.u32 %r2, %r1, %r0;
    shf.l.wrap.b32 %r3, %r0, %r1, %r2;
    bfi.b32 %r4, %r3, %r2, 3, 60;
    LOOP: { .reg .b32 %r<3>; add.u32 %r1, %r0, 0x7f; }
    @%p1 bra LOOP;
    shfl.sync.up.b32 %r5|%p3, %r0, 1, 0, 0xffffffff;
    atom.global.add.u32 %r6, [%a1], 1;
    cp.async.ca.shared.global [s+256], [%a1], 4;
    cp.async.wait_all;
    mov.b64 %a2, {%r0, %r1};
    ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r7}, [s];
    bar.sync 0;
    selp.b32 %r8, %r0, 5, %p1;
    st.local.u32 [l+4], %r8;
    redux.sync.add.u32 %r9, %r8, 0xffffffff;
    { .param .b64 h; .param .b32 v; st.param.b64 [h+0], %a0; st.param.b32 [v], %r9;
    call.uni cudaGraphSetConditional, (h, v); }
    @%p1 call (%r10), twice, (%r9);
    st.release.gpu.global.u32 [%a1], %r9;";

/// Numbers from a seed (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Reads a text and, if it can be read, runs it.
fn attempt(text: &str) -> bool {
    let Ok(module) = Module::parse(text) else { return false };
    let mut gpu = Gpu::new(1).holds(&[0x3f; 1024]);
    gpu.device.set_budget(2_000);
    let params = bytes(&gpu.params, u64::to_le_bytes);
    for name in module.entries().map(|e| e.name().to_owned()).collect::<Vec<_>>() {
        let _ = gpu.device.launch(&module, &name, [2, 1, 1], [64, 1, 1], 64, &params);
    }
    true
}

fn text() -> String {
    let before = ".const .u32 k[3] = {1, 2};\n.extern .shared .align 8 .b8 x[];\n.file 1 \"a\"\n\
                  .extern .func cudaGraphSetConditional(.param .b64 a, .param .b32 b);\n\
                  .func (.reg .b32 y) twice(.reg .b32 x) { T: add.u32 y, x, x; ret; }";
    source(&entry(1, before, BODY))
}

#[test]
fn cut_off() {
    let text = text();
    assert!(attempt(&text), "{:?}", Module::parse(&text).err());
    let (begin, end) = (text.find(".visible").unwrap(), text.rfind('}').unwrap());
    for cut in 0..end {
        let read = attempt(&text[..cut]);
        assert!(!read || cut <= begin, "{}", &text[..cut]);
    }
}

#[test]
fn characters_changed() {
    let (text, mut numbers) = (text(), Numbers(0x1234_5678_9abc_def1));
    let signs = b"{}[]()<>,;:@!%.+-|=\"/*0189abfxRUu_ \n\x00\x7f";
    let mut read = 0;
    for _ in 0..4_000 {
        let mut changed = text.clone().into_bytes();
        for _ in 0..=numbers.below(3) {
            let at = numbers.below(changed.len());
            match numbers.below(3) {
                0 => changed[at] = signs[numbers.below(signs.len())],
                1 => changed.insert(at, signs[numbers.below(signs.len())]),
                _ => drop(changed.remove(at)),
            }
        }
        read += usize::from(attempt(&String::from_utf8(changed).unwrap()));
    }
    assert!(read > 100, "only {read} changed texts could be read");
}

#[test]
fn words_exchanged() {
    let (text, mut numbers) = (text(), Numbers(77));
    let mut read = 0;
    for _ in 0..4_000 {
        let mut words: Vec<&str> = text.split_inclusive([' ', '\n', ',', '.']).collect();
        for _ in 0..=numbers.below(2) {
            let (a, b) = (numbers.below(words.len()), numbers.below(words.len()));
            match numbers.below(3) {
                0 => words.swap(a, b),
                1 => words[a] = words[b],
                _ => drop(words.remove(a)),
            }
        }
        read += usize::from(attempt(&words.concat()));
    }
    assert!(read > 20, "only {read} changed texts could be read");
}

#[test]
fn extremes() {
    for line in [
        ".reg .b32 %q<4294967295>;\n mov.u32 %q4294967294, 1;",
        ".shared .b8 s[4294967295];",
        ".local .align 4096 .b64 s[4294967295][4294967295];",
        "ld.global.u32 %r0, [%a0+9223372036854775807];",
        "ld.global.u32 %r0, [-1];",
        "ld.shared.v4.u32 {%r0, %r1, %r2, %r3}, [18446744073709551615];",
        "mov.u32 %r0, 99999999999999999999999999;",
        "add.u32 %r0, %r0, é;",
        "bar.sync 0, 0;",
        "shl.b32 %r0, 1, 4294967295;",
        "{{{{{{{{",
        "add.rn.f32 %f0, 1.2.3, 4;",
        "mov.b32 {}, %r0;",
        "@%p0",
    ] {
        attempt(&source(&entry(1, "", line)));
    }
    let deep = "{".repeat(100_000);
    assert!(!attempt(&source(&entry(1, "", &deep))));
    let long = "add.u32 %r0, %r1, %r2;\n".repeat(50_000);
    assert!(attempt(&source(&entry(1, "", &long))));
    let labels: String = (0..3000).map(|n| format!("L{n}: @%p0 bra L{};\n", 2999 - n)).collect();
    assert!(attempt(&source(&entry(1, "", &labels))));
    assert!(!attempt("") && !attempt("\u{0}") && !attempt("/*/"));
}
