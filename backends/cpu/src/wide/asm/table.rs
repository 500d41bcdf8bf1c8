//! The table of vector instructions.
//!
//! A row: name, mandatory prefix, map, opcode; the bit W of the VEX form and of the EVEX form (`__`
//! where there is none); where operands go; the memory that is read or written, with its bytes or
//! those of one element to broadcast. [`Row`] explains the words. An instruction whose store has
//! another opcode names it. Names are mnemonics: with `Imm` for the form with an immediate where
//! there is another one, with `Gpr` or `Reg` for the form with a general register.
//!
//! Where the manuals ignore W, the row says 0. Widths at which an instruction does not exist are
//! not in the table.

use super::row::{Map, Memory, Operands, Prefix, Row};

const V0: Option<bool> = Some(false);
const V1: Option<bool> = Some(true);
const E0: Option<bool> = Some(false);
const E1: Option<bool> = Some(true);
const __: Option<bool> = None;

macro_rules! rows {
    ($($name:ident $prefix:ident $map:ident $opcode:literal $vex:ident $evex:ident
        $operands:ident $memory:ident $bytes:literal
        $(extension $extension:literal)? $(store $store:ident $stored:literal)?;)*) => {
        /// A vector instruction.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum Ins {
            $($name,)*
        }

        impl Ins {
            pub const ALL: &[Ins] = &[$(Ins::$name),*];
        }

        /// The rows, in the order of [`Ins`].
        const ROWS: &[Row] = &[$(Row {
            prefix: Prefix::$prefix,
            map: Map::$map,
            opcode: $opcode,
            vex: $vex,
            evex: $evex,
            operands: Operands::$operands,
            memory: Memory::$memory,
            bytes: $bytes,
            extension: optional!($($extension)?),
            store: optional!($((Prefix::$store, $stored))?),
        }),*];
    };
}

macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

impl Ins {
    pub(super) fn row(self) -> Row {
        ROWS[self as usize]
    }

    /// Returns whether memory may hold one element of so many bytes for all lanes.
    pub fn broadcasts(self, bytes: usize) -> bool {
        let row = self.row();
        let part = matches!(row.memory, Memory::Full | Memory::Half);
        part && row.evex.is_some() && usize::from(row.bytes) == bytes
    }

    /// Returns whether this is a shift by a constant, whose VEX form takes no memory.
    pub fn is_shift(self) -> bool {
        self.row().extension.is_some()
    }
}

rows! {
    // Arithmetic of floats.
    Vaddps          P0  M0F 0x58 V0 E0 Two  Full    4;
    Vaddpd          P66 M0F 0x58 V0 E1 Two  Full    8;
    Vsubps          P0  M0F 0x5c V0 E0 Two  Full    4;
    Vsubpd          P66 M0F 0x5c V0 E1 Two  Full    8;
    Vmulps          P0  M0F 0x59 V0 E0 Two  Full    4;
    Vmulpd          P66 M0F 0x59 V0 E1 Two  Full    8;
    Vdivps          P0  M0F 0x5e V0 E0 Two  Full    4;
    Vdivpd          P66 M0F 0x5e V0 E1 Two  Full    8;
    Vminps          P0  M0F 0x5d V0 E0 Two  Full    4;
    Vminpd          P66 M0F 0x5d V0 E1 Two  Full    8;
    Vmaxps          P0  M0F 0x5f V0 E0 Two  Full    4;
    Vmaxpd          P66 M0F 0x5f V0 E1 Two  Full    8;
    Vsqrtps         P0  M0F 0x51 V0 E0 One  Full    4;
    Vsqrtpd         P66 M0F 0x51 V0 E1 One  Full    8;
    Vfmadd132ps     P66 M38 0x98 V0 E0 Two  Full    4;
    Vfmadd132pd     P66 M38 0x98 V1 E1 Two  Full    8;
    Vfmadd213ps     P66 M38 0xa8 V0 E0 Two  Full    4;
    Vfmadd213pd     P66 M38 0xa8 V1 E1 Two  Full    8;
    Vfmadd231ps     P66 M38 0xb8 V0 E0 Two  Full    4;
    Vfmadd231pd     P66 M38 0xb8 V1 E1 Two  Full    8;
    Vfmsub132ps     P66 M38 0x9a V0 E0 Two  Full    4;
    Vfmsub132pd     P66 M38 0x9a V1 E1 Two  Full    8;
    Vfmsub213ps     P66 M38 0xaa V0 E0 Two  Full    4;
    Vfmsub213pd     P66 M38 0xaa V1 E1 Two  Full    8;
    Vfmsub231ps     P66 M38 0xba V0 E0 Two  Full    4;
    Vfmsub231pd     P66 M38 0xba V1 E1 Two  Full    8;
    Vfnmadd132ps    P66 M38 0x9c V0 E0 Two  Full    4;
    Vfnmadd132pd    P66 M38 0x9c V1 E1 Two  Full    8;
    Vfnmadd213ps    P66 M38 0xac V0 E0 Two  Full    4;
    Vfnmadd213pd    P66 M38 0xac V1 E1 Two  Full    8;
    Vfnmadd231ps    P66 M38 0xbc V0 E0 Two  Full    4;
    Vfnmadd231pd    P66 M38 0xbc V1 E1 Two  Full    8;
    Vfnmsub132ps    P66 M38 0x9e V0 E0 Two  Full    4;
    Vfnmsub132pd    P66 M38 0x9e V1 E1 Two  Full    8;
    Vfnmsub213ps    P66 M38 0xae V0 E0 Two  Full    4;
    Vfnmsub213pd    P66 M38 0xae V1 E1 Two  Full    8;
    Vfnmsub231ps    P66 M38 0xbe V0 E0 Two  Full    4;
    Vfnmsub231pd    P66 M38 0xbe V1 E1 Two  Full    8;
    Vandps          P0  M0F 0x54 V0 E0 Two  Full    4;
    Vandpd          P66 M0F 0x54 V0 E1 Two  Full    8;
    Vandnps         P0  M0F 0x55 V0 E0 Two  Full    4;
    Vandnpd         P66 M0F 0x55 V0 E1 Two  Full    8;
    Vorps           P0  M0F 0x56 V0 E0 Two  Full    4;
    Vorpd           P66 M0F 0x56 V0 E1 Two  Full    8;
    Vxorps          P0  M0F 0x57 V0 E0 Two  Full    4;
    Vxorpd          P66 M0F 0x57 V0 E1 Two  Full    8;
    Vroundps        P66 M3A 0x08 V0 __ One  Full    0;
    Vroundpd        P66 M3A 0x09 V0 __ One  Full    0;
    Vrndscaleps     P66 M3A 0x08 __ E0 One  Full    4;
    Vrndscalepd     P66 M3A 0x09 __ E1 One  Full    8;
    Vrangeps        P66 M3A 0x50 __ E0 Two  Full    4;
    Vrangepd        P66 M3A 0x50 __ E1 Two  Full    8;
    Vcmpps          P0  M0F 0xc2 V0 E0 Test Full    4;
    Vcmppd          P66 M0F 0xc2 V0 E1 Test Full    8;

    // Arithmetic of ints.
    Vpaddb          P66 M0F 0xfc V0 E0 Two  Full    0;
    Vpaddw          P66 M0F 0xfd V0 E0 Two  Full    0;
    Vpaddd          P66 M0F 0xfe V0 E0 Two  Full    4;
    Vpaddq          P66 M0F 0xd4 V0 E1 Two  Full    8;
    Vpsubb          P66 M0F 0xf8 V0 E0 Two  Full    0;
    Vpsubw          P66 M0F 0xf9 V0 E0 Two  Full    0;
    Vpsubd          P66 M0F 0xfa V0 E0 Two  Full    4;
    Vpsubq          P66 M0F 0xfb V0 E1 Two  Full    8;
    Vpmullw         P66 M0F 0xd5 V0 E0 Two  Full    0;
    Vpmulhw         P66 M0F 0xe5 V0 E0 Two  Full    0;
    Vpmulhuw        P66 M0F 0xe4 V0 E0 Two  Full    0;
    Vpmulld         P66 M38 0x40 V0 E0 Two  Full    4;
    Vpmullq         P66 M38 0x40 __ E1 Two  Full    8;
    Vpmuldq         P66 M38 0x28 V0 E1 Two  Full    8;
    Vpmuludq        P66 M0F 0xf4 V0 E1 Two  Full    8;
    Vpmaddubsw      P66 M38 0x04 V0 E0 Two  Full    0;
    Vpmaddwd        P66 M0F 0xf5 V0 E0 Two  Full    0;
    Vpsadbw         P66 M0F 0xf6 V0 E0 Two  Full    0;
    Vpminsb         P66 M38 0x38 V0 E0 Two  Full    0;
    Vpminsw         P66 M0F 0xea V0 E0 Two  Full    0;
    Vpminsd         P66 M38 0x39 V0 E0 Two  Full    4;
    Vpminsq         P66 M38 0x39 __ E1 Two  Full    8;
    Vpminub         P66 M0F 0xda V0 E0 Two  Full    0;
    Vpminuw         P66 M38 0x3a V0 E0 Two  Full    0;
    Vpminud         P66 M38 0x3b V0 E0 Two  Full    4;
    Vpminuq         P66 M38 0x3b __ E1 Two  Full    8;
    Vpmaxsb         P66 M38 0x3c V0 E0 Two  Full    0;
    Vpmaxsw         P66 M0F 0xee V0 E0 Two  Full    0;
    Vpmaxsd         P66 M38 0x3d V0 E0 Two  Full    4;
    Vpmaxsq         P66 M38 0x3d __ E1 Two  Full    8;
    Vpmaxub         P66 M0F 0xde V0 E0 Two  Full    0;
    Vpmaxuw         P66 M38 0x3e V0 E0 Two  Full    0;
    Vpmaxud         P66 M38 0x3f V0 E0 Two  Full    4;
    Vpmaxuq         P66 M38 0x3f __ E1 Two  Full    8;
    Vpabsb          P66 M38 0x1c V0 E0 One  Full    0;
    Vpabsw          P66 M38 0x1d V0 E0 One  Full    0;
    Vpabsd          P66 M38 0x1e V0 E0 One  Full    4;
    Vpabsq          P66 M38 0x1f __ E1 One  Full    8;
    Vpopcntd        P66 M38 0x55 __ E0 One  Full    4;
    Vpopcntq        P66 M38 0x55 __ E1 One  Full    8;
    Vplzcntd        P66 M38 0x44 __ E0 One  Full    4;
    Vplzcntq        P66 M38 0x44 __ E1 One  Full    8;

    // Shifts: by a count per lane, by the count in a register of 128 bits, by an immediate.
    Vpsllvw         P66 M38 0x12 __ E1 Two  Full    0;
    Vpsllvd         P66 M38 0x47 V0 E0 Two  Full    4;
    Vpsllvq         P66 M38 0x47 V1 E1 Two  Full    8;
    Vpsrlvw         P66 M38 0x10 __ E1 Two  Full    0;
    Vpsrlvd         P66 M38 0x45 V0 E0 Two  Full    4;
    Vpsrlvq         P66 M38 0x45 V1 E1 Two  Full    8;
    Vpsravw         P66 M38 0x11 __ E1 Two  Full    0;
    Vpsravd         P66 M38 0x46 V0 E0 Two  Full    4;
    Vpsravq         P66 M38 0x46 __ E1 Two  Full    8;
    Vprolvd         P66 M38 0x15 __ E0 Two  Full    4;
    Vprolvq         P66 M38 0x15 __ E1 Two  Full    8;
    Vprorvd         P66 M38 0x14 __ E0 Two  Full    4;
    Vprorvq         P66 M38 0x14 __ E1 Two  Full    8;
    Vpsllw          P66 M0F 0xf1 V0 E0 Two  Fixed   16;
    Vpslld          P66 M0F 0xf2 V0 E0 Two  Fixed   16;
    Vpsllq          P66 M0F 0xf3 V0 E1 Two  Fixed   16;
    Vpsrlw          P66 M0F 0xd1 V0 E0 Two  Fixed   16;
    Vpsrld          P66 M0F 0xd2 V0 E0 Two  Fixed   16;
    Vpsrlq          P66 M0F 0xd3 V0 E1 Two  Fixed   16;
    Vpsraw          P66 M0F 0xe1 V0 E0 Two  Fixed   16;
    Vpsrad          P66 M0F 0xe2 V0 E0 Two  Fixed   16;
    Vpsraq          P66 M0F 0xe2 __ E1 Two  Fixed   16;
    VpsllwImm       P66 M0F 0x71 V0 E0 One  Full    0  extension 6;
    VpslldImm       P66 M0F 0x72 V0 E0 One  Full    4  extension 6;
    VpsllqImm       P66 M0F 0x73 V0 E1 One  Full    8  extension 6;
    VpsrlwImm       P66 M0F 0x71 V0 E0 One  Full    0  extension 2;
    VpsrldImm       P66 M0F 0x72 V0 E0 One  Full    4  extension 2;
    VpsrlqImm       P66 M0F 0x73 V0 E1 One  Full    8  extension 2;
    VpsrawImm       P66 M0F 0x71 V0 E0 One  Full    0  extension 4;
    VpsradImm       P66 M0F 0x72 V0 E0 One  Full    4  extension 4;
    VpsraqImm       P66 M0F 0x72 __ E1 One  Full    8  extension 4;
    Vpslldq         P66 M0F 0x73 V0 E0 One  Full    0  extension 7;
    Vpsrldq         P66 M0F 0x73 V0 E0 One  Full    0  extension 3;
    Vprold          P66 M0F 0x72 __ E0 One  Full    4  extension 1;
    Vprolq          P66 M0F 0x72 __ E1 One  Full    8  extension 1;
    Vprord          P66 M0F 0x72 __ E0 One  Full    4  extension 0;
    Vprorq          P66 M0F 0x72 __ E1 One  Full    8  extension 0;

    // Bits.
    Vpand           P66 M0F 0xdb V0 __ Two  Full    0;
    Vpandd          P66 M0F 0xdb __ E0 Two  Full    4;
    Vpandq          P66 M0F 0xdb __ E1 Two  Full    8;
    Vpandn          P66 M0F 0xdf V0 __ Two  Full    0;
    Vpandnd         P66 M0F 0xdf __ E0 Two  Full    4;
    Vpandnq         P66 M0F 0xdf __ E1 Two  Full    8;
    Vpor            P66 M0F 0xeb V0 __ Two  Full    0;
    Vpord           P66 M0F 0xeb __ E0 Two  Full    4;
    Vporq           P66 M0F 0xeb __ E1 Two  Full    8;
    Vpxor           P66 M0F 0xef V0 __ Two  Full    0;
    Vpxord          P66 M0F 0xef __ E0 Two  Full    4;
    Vpxorq          P66 M0F 0xef __ E1 Two  Full    8;
    Vpternlogd      P66 M3A 0x25 __ E0 Two  Full    4;
    Vpternlogq      P66 M3A 0x25 __ E1 Two  Full    8;

    // Comparisons and tests of ints; vectors from masks and back.
    Vpcmpeqb        P66 M0F 0x74 V0 E0 Test Full    0;
    Vpcmpeqw        P66 M0F 0x75 V0 E0 Test Full    0;
    Vpcmpeqd        P66 M0F 0x76 V0 E0 Test Full    4;
    Vpcmpeqq        P66 M38 0x29 V0 E1 Test Full    8;
    Vpcmpgtb        P66 M0F 0x64 V0 E0 Test Full    0;
    Vpcmpgtw        P66 M0F 0x65 V0 E0 Test Full    0;
    Vpcmpgtd        P66 M0F 0x66 V0 E0 Test Full    4;
    Vpcmpgtq        P66 M38 0x37 V0 E1 Test Full    8;
    Vpcmpb          P66 M3A 0x3f __ E0 Test Full    0;
    Vpcmpub         P66 M3A 0x3e __ E0 Test Full    0;
    Vpcmpw          P66 M3A 0x3f __ E1 Test Full    0;
    Vpcmpuw         P66 M3A 0x3e __ E1 Test Full    0;
    Vpcmpd          P66 M3A 0x1f __ E0 Test Full    4;
    Vpcmpud         P66 M3A 0x1e __ E0 Test Full    4;
    Vpcmpq          P66 M3A 0x1f __ E1 Test Full    8;
    Vpcmpuq         P66 M3A 0x1e __ E1 Test Full    8;
    Vptestmb        P66 M38 0x26 __ E0 Test Full    0;
    Vptestnmb       PF3 M38 0x26 __ E0 Test Full    0;
    Vptestmw        P66 M38 0x26 __ E1 Test Full    0;
    Vptestnmw       PF3 M38 0x26 __ E1 Test Full    0;
    Vptestmd        P66 M38 0x27 __ E0 Test Full    4;
    Vptestnmd       PF3 M38 0x27 __ E0 Test Full    4;
    Vptestmq        P66 M38 0x27 __ E1 Test Full    8;
    Vptestnmq       PF3 M38 0x27 __ E1 Test Full    8;
    Vpmovm2b        PF3 M38 0x28 __ E0 One  Full    0;
    Vpmovb2m        PF3 M38 0x29 __ E0 One  Full    0;
    Vpmovm2w        PF3 M38 0x28 __ E1 One  Full    0;
    Vpmovw2m        PF3 M38 0x29 __ E1 One  Full    0;
    Vpmovm2d        PF3 M38 0x38 __ E0 One  Full    0;
    Vpmovd2m        PF3 M38 0x39 __ E0 One  Full    0;
    Vpmovm2q        PF3 M38 0x38 __ E1 One  Full    0;
    Vpmovq2m        PF3 M38 0x39 __ E1 One  Full    0;
    Vptest          P66 M38 0x17 V0 __ One  Full    0;
    Vmovmskps       P0  M0F 0x50 V0 __ One  Full    0;
    Vmovmskpd       P66 M0F 0x50 V0 __ One  Full    0;
    Vpmovmskb       P66 M0F 0xd7 V0 __ One  Full    0;

    // Conversions.
    Vcvtps2pd       P0  M0F 0x5a V0 E0 One  Half    4;
    Vcvtpd2ps       P66 M0F 0x5a V0 E1 One  Full    8;
    Vcvtdq2ps       P0  M0F 0x5b V0 E0 One  Full    4;
    Vcvtdq2pd       PF3 M0F 0xe6 V0 E0 One  Half    4;
    Vcvtps2dq       P66 M0F 0x5b V0 E0 One  Full    4;
    Vcvtpd2dq       PF2 M0F 0xe6 V0 E1 One  Full    8;
    Vcvttps2dq      PF3 M0F 0x5b V0 E0 One  Full    4;
    Vcvttpd2dq      P66 M0F 0xe6 V0 E1 One  Full    8;
    Vcvtudq2ps      PF2 M0F 0x7a __ E0 One  Full    4;
    Vcvtudq2pd      PF3 M0F 0x7a __ E0 One  Half    4;
    Vcvttps2udq     P0  M0F 0x78 __ E0 One  Full    4;
    Vcvttpd2udq     P0  M0F 0x78 __ E1 One  Full    8;
    Vcvttps2qq      P66 M0F 0x7a __ E0 One  Half    4;
    Vcvttps2uqq     P66 M0F 0x78 __ E0 One  Half    4;
    Vcvttpd2qq      P66 M0F 0x7a __ E1 One  Full    8;
    Vcvttpd2uqq     P66 M0F 0x78 __ E1 One  Full    8;
    Vcvtqq2pd       PF3 M0F 0xe6 __ E1 One  Full    8;
    Vcvtuqq2pd      PF3 M0F 0x7a __ E1 One  Full    8;
    Vcvtqq2ps       P0  M0F 0x5b __ E1 One  Full    8;
    Vcvtuqq2ps      PF2 M0F 0x7a __ E1 One  Full    8;
    Vcvtph2ps       P66 M38 0x13 V0 E0 One  Half    0;
    Vcvtps2ph       P66 M3A 0x1d V0 E0 To   Half    0;
    Vpmovsxbw       P66 M38 0x20 V0 E0 One  Half    0;
    Vpmovsxbd       P66 M38 0x21 V0 E0 One  Quarter 0;
    Vpmovsxbq       P66 M38 0x22 V0 E0 One  Eighth  0;
    Vpmovsxwd       P66 M38 0x23 V0 E0 One  Half    0;
    Vpmovsxwq       P66 M38 0x24 V0 E0 One  Quarter 0;
    Vpmovsxdq       P66 M38 0x25 V0 E0 One  Half    0;
    Vpmovzxbw       P66 M38 0x30 V0 E0 One  Half    0;
    Vpmovzxbd       P66 M38 0x31 V0 E0 One  Quarter 0;
    Vpmovzxbq       P66 M38 0x32 V0 E0 One  Eighth  0;
    Vpmovzxwd       P66 M38 0x33 V0 E0 One  Half    0;
    Vpmovzxwq       P66 M38 0x34 V0 E0 One  Quarter 0;
    Vpmovzxdq       P66 M38 0x35 V0 E0 One  Half    0;
    Vpmovwb         PF3 M38 0x30 __ E0 To   Half    0;
    Vpmovdb         PF3 M38 0x31 __ E0 To   Quarter 0;
    Vpmovqb         PF3 M38 0x32 __ E0 To   Eighth  0;
    Vpmovdw         PF3 M38 0x33 __ E0 To   Half    0;
    Vpmovqw         PF3 M38 0x34 __ E0 To   Quarter 0;
    Vpmovqd         PF3 M38 0x35 __ E0 To   Half    0;
    Vpackssdw       P66 M0F 0x6b V0 E0 Two  Full    4;
    Vpackusdw       P66 M38 0x2b V0 E0 Two  Full    4;
    Vpacksswb       P66 M0F 0x63 V0 E0 Two  Full    0;
    Vpackuswb       P66 M0F 0x67 V0 E0 Two  Full    0;

    // Moves.
    Vmovups         P0  M0F 0x10 V0 E0 One  Full    0  store P0 0x11;
    Vmovupd         P66 M0F 0x10 V0 E1 One  Full    0  store P66 0x11;
    Vmovaps         P0  M0F 0x28 V0 E0 One  Full    0  store P0 0x29;
    Vmovapd         P66 M0F 0x28 V0 E1 One  Full    0  store P66 0x29;
    Vmovdqu         PF3 M0F 0x6f V0 __ One  Full    0  store PF3 0x7f;
    Vmovdqa         P66 M0F 0x6f V0 __ One  Full    0  store P66 0x7f;
    Vmovdqu8        PF2 M0F 0x6f __ E0 One  Full    0  store PF2 0x7f;
    Vmovdqu16       PF2 M0F 0x6f __ E1 One  Full    0  store PF2 0x7f;
    Vmovdqu32       PF3 M0F 0x6f __ E0 One  Full    0  store PF3 0x7f;
    Vmovdqu64       PF3 M0F 0x6f __ E1 One  Full    0  store PF3 0x7f;
    Vmovdqa32       P66 M0F 0x6f __ E0 One  Full    0  store P66 0x7f;
    Vmovdqa64       P66 M0F 0x6f __ E1 One  Full    0  store P66 0x7f;
    Vmovntps        P0  M0F 0x2b V0 E0 To   Full    0;
    Vmovntpd        P66 M0F 0x2b V0 E1 To   Full    0;
    Vmovntdq        P66 M0F 0xe7 V0 E0 To   Full    0;
    Vmovss          PF3 M0F 0x10 V0 E0 One  Fixed   4  store PF3 0x11;
    Vmovsd          PF2 M0F 0x10 V0 E1 One  Fixed   8  store PF2 0x11;
    Vmovd           P66 M0F 0x6e V0 E0 One  Fixed   4  store P66 0x7e;
    Vmovq           PF3 M0F 0x7e V0 E1 One  Fixed   8  store P66 0xd6;
    VmovqGpr        P66 M0F 0x6e V1 E1 One  Fixed   8  store P66 0x7e;
    Vmaskmovps      P66 M38 0x2c V0 __ Two  Full    0  store P66 0x2e;
    Vmaskmovpd      P66 M38 0x2d V0 __ Two  Full    0  store P66 0x2f;
    Vpmaskmovd      P66 M38 0x8c V0 __ Two  Full    0  store P66 0x8e;
    Vpmaskmovq      P66 M38 0x8c V1 __ Two  Full    0  store P66 0x8e;

    // Broadcasts.
    Vbroadcastss    P66 M38 0x18 V0 E0 One  Fixed   4;
    Vbroadcastsd    P66 M38 0x19 V0 E1 One  Fixed   8;
    Vbroadcastf128  P66 M38 0x1a V0 __ One  Fixed   16;
    Vbroadcasti128  P66 M38 0x5a V0 __ One  Fixed   16;
    Vbroadcastf32x4 P66 M38 0x1a __ E0 One  Fixed   16;
    Vbroadcastf64x2 P66 M38 0x1a __ E1 One  Fixed   16;
    Vbroadcastf32x8 P66 M38 0x1b __ E0 One  Fixed   32;
    Vbroadcastf64x4 P66 M38 0x1b __ E1 One  Fixed   32;
    Vbroadcasti32x4 P66 M38 0x5a __ E0 One  Fixed   16;
    Vbroadcasti64x2 P66 M38 0x5a __ E1 One  Fixed   16;
    Vbroadcasti32x8 P66 M38 0x5b __ E0 One  Fixed   32;
    Vbroadcasti64x4 P66 M38 0x5b __ E1 One  Fixed   32;
    Vpbroadcastb    P66 M38 0x78 V0 E0 One  Fixed   1;
    Vpbroadcastw    P66 M38 0x79 V0 E0 One  Fixed   2;
    Vpbroadcastd    P66 M38 0x58 V0 E0 One  Fixed   4;
    Vpbroadcastq    P66 M38 0x59 V0 E1 One  Fixed   8;
    VpbroadcastbGpr P66 M38 0x7a __ E0 One  Fixed   1;
    VpbroadcastwGpr P66 M38 0x7b __ E0 One  Fixed   2;
    VpbroadcastdGpr P66 M38 0x7c __ E0 One  Fixed   4;
    VpbroadcastqGpr P66 M38 0x7c __ E1 One  Fixed   8;

    // Parts of vectors.
    Vinsertf128     P66 M3A 0x18 V0 __ Two  Fixed   16;
    Vextractf128    P66 M3A 0x19 V0 __ To   Fixed   16;
    Vinsertf32x4    P66 M3A 0x18 __ E0 Two  Fixed   16;
    Vextractf32x4   P66 M3A 0x19 __ E0 To   Fixed   16;
    Vinsertf64x2    P66 M3A 0x18 __ E1 Two  Fixed   16;
    Vextractf64x2   P66 M3A 0x19 __ E1 To   Fixed   16;
    Vinsertf32x8    P66 M3A 0x1a __ E0 Two  Fixed   32;
    Vextractf32x8   P66 M3A 0x1b __ E0 To   Fixed   32;
    Vinsertf64x4    P66 M3A 0x1a __ E1 Two  Fixed   32;
    Vextractf64x4   P66 M3A 0x1b __ E1 To   Fixed   32;
    Vinserti128     P66 M3A 0x38 V0 __ Two  Fixed   16;
    Vextracti128    P66 M3A 0x39 V0 __ To   Fixed   16;
    Vinserti32x4    P66 M3A 0x38 __ E0 Two  Fixed   16;
    Vextracti32x4   P66 M3A 0x39 __ E0 To   Fixed   16;
    Vinserti64x2    P66 M3A 0x38 __ E1 Two  Fixed   16;
    Vextracti64x2   P66 M3A 0x39 __ E1 To   Fixed   16;
    Vinserti32x8    P66 M3A 0x3a __ E0 Two  Fixed   32;
    Vextracti32x8   P66 M3A 0x3b __ E0 To   Fixed   32;
    Vinserti64x4    P66 M3A 0x3a __ E1 Two  Fixed   32;
    Vextracti64x4   P66 M3A 0x3b __ E1 To   Fixed   32;
    Vpextrb         P66 M3A 0x14 V0 E0 To   Fixed   1;
    Vpextrw         P66 M3A 0x15 V0 E0 To   Fixed   2;
    VpextrwReg      P66 M0F 0xc5 V0 E0 One  Fixed   2;
    Vpextrd         P66 M3A 0x16 V0 E0 To   Fixed   4;
    Vpextrq         P66 M3A 0x16 V1 E1 To   Fixed   8;
    Vpinsrb         P66 M3A 0x20 V0 E0 Two  Fixed   1;
    Vpinsrw         P66 M0F 0xc4 V0 E0 Two  Fixed   2;
    Vpinsrd         P66 M3A 0x22 V0 E0 Two  Fixed   4;
    Vpinsrq         P66 M3A 0x22 V1 E1 Two  Fixed   8;

    // Permutations.
    Vperm2f128      P66 M3A 0x06 V0 __ Two  Full    0;
    Vperm2i128      P66 M3A 0x46 V0 __ Two  Full    0;
    Vpermw          P66 M38 0x8d __ E1 Two  Full    0;
    Vpermd          P66 M38 0x36 V0 E0 Two  Full    4;
    Vpermq          P66 M38 0x36 __ E1 Two  Full    8;
    Vpermps         P66 M38 0x16 V0 E0 Two  Full    4;
    Vpermpd         P66 M38 0x16 __ E1 Two  Full    8;
    VpermqImm       P66 M3A 0x00 V1 E1 One  Full    8;
    VpermpdImm      P66 M3A 0x01 V1 E1 One  Full    8;
    Vpermi2w        P66 M38 0x75 __ E1 Two  Full    0;
    Vpermi2d        P66 M38 0x76 __ E0 Two  Full    4;
    Vpermi2q        P66 M38 0x76 __ E1 Two  Full    8;
    Vpermi2ps       P66 M38 0x77 __ E0 Two  Full    4;
    Vpermi2pd       P66 M38 0x77 __ E1 Two  Full    8;
    Vpermt2w        P66 M38 0x7d __ E1 Two  Full    0;
    Vpermt2d        P66 M38 0x7e __ E0 Two  Full    4;
    Vpermt2q        P66 M38 0x7e __ E1 Two  Full    8;
    Vpermt2ps       P66 M38 0x7f __ E0 Two  Full    4;
    Vpermt2pd       P66 M38 0x7f __ E1 Two  Full    8;
    Vpermilps       P66 M38 0x0c V0 E0 Two  Full    4;
    Vpermilpd       P66 M38 0x0d V0 E1 Two  Full    8;
    VpermilpsImm    P66 M3A 0x04 V0 E0 One  Full    4;
    VpermilpdImm    P66 M3A 0x05 V0 E1 One  Full    8;
    Vshufps         P0  M0F 0xc6 V0 E0 Two  Full    4;
    Vshufpd         P66 M0F 0xc6 V0 E1 Two  Full    8;
    Vpshufd         P66 M0F 0x70 V0 E0 One  Full    4;
    Vpshufb         P66 M38 0x00 V0 E0 Two  Full    0;
    Vpshuflw        PF2 M0F 0x70 V0 E0 One  Full    0;
    Vpshufhw        PF3 M0F 0x70 V0 E0 One  Full    0;
    Vunpcklps       P0  M0F 0x14 V0 E0 Two  Full    4;
    Vunpcklpd       P66 M0F 0x14 V0 E1 Two  Full    8;
    Vunpckhps       P0  M0F 0x15 V0 E0 Two  Full    4;
    Vunpckhpd       P66 M0F 0x15 V0 E1 Two  Full    8;
    Vpunpcklbw      P66 M0F 0x60 V0 E0 Two  Full    0;
    Vpunpcklwd      P66 M0F 0x61 V0 E0 Two  Full    0;
    Vpunpckldq      P66 M0F 0x62 V0 E0 Two  Full    4;
    Vpunpcklqdq     P66 M0F 0x6c V0 E1 Two  Full    8;
    Vpunpckhbw      P66 M0F 0x68 V0 E0 Two  Full    0;
    Vpunpckhwd      P66 M0F 0x69 V0 E0 Two  Full    0;
    Vpunpckhdq      P66 M0F 0x6a V0 E0 Two  Full    4;
    Vpunpckhqdq     P66 M0F 0x6d V0 E1 Two  Full    8;
    Vshuff32x4      P66 M3A 0x23 __ E0 Two  Full    4;
    Vshuff64x2      P66 M3A 0x23 __ E1 Two  Full    8;
    Vshufi32x4      P66 M3A 0x43 __ E0 Two  Full    4;
    Vshufi64x2      P66 M3A 0x43 __ E1 Two  Full    8;
    Valignd         P66 M3A 0x03 __ E0 Two  Full    4;
    Valignq         P66 M3A 0x03 __ E1 Two  Full    8;
    Vpalignr        P66 M3A 0x0f V0 E0 Two  Full    0;
    Vpcompressd     P66 M38 0x8b __ E0 To   Fixed   4;
    Vpcompressq     P66 M38 0x8b __ E1 To   Fixed   8;
    Vcompressps     P66 M38 0x8a __ E0 To   Fixed   4;
    Vcompresspd     P66 M38 0x8a __ E1 To   Fixed   8;
    Vpexpandd       P66 M38 0x89 __ E0 One  Fixed   4;
    Vpexpandq       P66 M38 0x89 __ E1 One  Fixed   8;
    Vexpandps       P66 M38 0x88 __ E0 One  Fixed   4;
    Vexpandpd       P66 M38 0x88 __ E1 One  Fixed   8;

    // Blends: by an immediate, by a vector, by a mask register.
    Vpblendw        P66 M3A 0x0e V0 __ Two  Full    0;
    Vpblendd        P66 M3A 0x02 V0 __ Two  Full    0;
    Vblendps        P66 M3A 0x0c V0 __ Two  Full    0;
    Vblendpd        P66 M3A 0x0d V0 __ Two  Full    0;
    Vblendvps       P66 M3A 0x4a V0 __ Two  Full    0;
    Vblendvpd       P66 M3A 0x4b V0 __ Two  Full    0;
    Vpblendvb       P66 M3A 0x4c V0 __ Two  Full    0;
    Vpblendmb       P66 M38 0x66 __ E0 Two  Full    0;
    Vpblendmw       P66 M38 0x66 __ E1 Two  Full    0;
    Vpblendmd       P66 M38 0x64 __ E0 Two  Full    4;
    Vpblendmq       P66 M38 0x64 __ E1 Two  Full    8;
    Vblendmps       P66 M38 0x65 __ E0 Two  Full    4;
    Vblendmpd       P66 M38 0x65 __ E1 Two  Full    8;

    // Gathers and scatters: the first letter after the stem is the index, the second the element.
    Vpgatherdd      P66 M38 0x90 V0 E0 One  Fixed   4;
    Vpgatherdq      P66 M38 0x90 V1 E1 One  Fixed   8;
    Vpgatherqd      P66 M38 0x91 V0 E0 One  Fixed   4;
    Vpgatherqq      P66 M38 0x91 V1 E1 One  Fixed   8;
    Vgatherdps      P66 M38 0x92 V0 E0 One  Fixed   4;
    Vgatherdpd      P66 M38 0x92 V1 E1 One  Fixed   8;
    Vgatherqps      P66 M38 0x93 V0 E0 One  Fixed   4;
    Vgatherqpd      P66 M38 0x93 V1 E1 One  Fixed   8;
    Vpscatterdd     P66 M38 0xa0 __ E0 To   Fixed   4;
    Vpscatterdq     P66 M38 0xa0 __ E1 To   Fixed   8;
    Vpscatterqd     P66 M38 0xa1 __ E0 To   Fixed   4;
    Vpscatterqq     P66 M38 0xa1 __ E1 To   Fixed   8;
    Vscatterdps     P66 M38 0xa2 __ E0 To   Fixed   4;
    Vscatterdpd     P66 M38 0xa2 __ E1 To   Fixed   8;
    Vscatterqps     P66 M38 0xa3 __ E0 To   Fixed   4;
    Vscatterqpd     P66 M38 0xa3 __ E1 To   Fixed   8;
}
