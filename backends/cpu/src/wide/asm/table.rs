//! The vector instructions that the emitter uses: one row each.
//!
//! A row reads `Name: pp map opcode W, element tuple, forms`:
//! - *pp, map, opcode, W* as in the processor's manual; W is that of EVEX, which VEX ignores
//!   unless the row has `vw1`;
//! - *element*: bytes of the element that a memory operand may repeat for all lanes (`{1toN}`), 0
//!   if it may not;
//! - *tuple*: the part of a register that a memory operand fills, by which EVEX scales short
//!   displacements;
//! - *forms*: `V` for VEX, `E` for EVEX.

/// The part of a register that a memory operand fills.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tuple {
    Full,
    Half,
    Quarter,
    Eighth,
    /// This many bytes, whatever the width.
    Bytes(u8),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    pub pp: u8,
    pub map: u8,
    pub opcode: u8,
    pub w: u8,
    /// The W bit of the VEX form.
    pub vex_w: u8,
    pub element: u8,
    pub tuple: Tuple,
    pub vex: bool,
    pub evex: bool,
    /// The part of the opcode in the ModRM byte, for shifts by a constant.
    pub digit: Option<u8>,
}

macro_rules! rows {
    ($($name:ident: $pp:literal $map:literal $op:literal $w:literal, $elem:literal $tuple:ident $(($n:literal))?, $forms:ident $(/ $digit:literal)? $(vw $vw:literal)?;)*) => {
        /// A vector instruction.
        #[allow(clippy::enum_variant_names)]
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum Ins { $($name),* }

        impl Ins {
            pub fn row(self) -> Row {
                match self {
                    $(Ins::$name => Row {
                        pp: $pp,
                        map: $map,
                        opcode: $op,
                        w: $w,
                        vex_w: 0 $(+ $vw)?,
                        element: $elem,
                        tuple: Tuple::$tuple $(($n))?,
                        vex: rows!(vex $forms),
                        evex: rows!(evex $forms),
                        digit: rows!(digit $($digit)?),
                    },)*
                }
            }

            /// The name in listings.
            pub fn name(self) -> &'static str {
                match self { $(Ins::$name => stringify!($name)),* }
            }

            #[cfg(test)]
            pub const ALL: &'static [Ins] = &[$(Ins::$name),*];
        }
    };
    (vex V) => { true };
    (vex VE) => { true };
    (vex E) => { false };
    (evex V) => { false };
    (evex VE) => { true };
    (evex E) => { true };
    (digit) => { None };
    (digit $d:literal) => { Some($d) };
}

rows! {
    // Arithmetic on floats.
    Vaddps: 0 1 0x58 0, 4 Full, VE;
    Vaddpd: 1 1 0x58 1, 8 Full, VE;
    Vsubps: 0 1 0x5c 0, 4 Full, VE;
    Vsubpd: 1 1 0x5c 1, 8 Full, VE;
    Vmulps: 0 1 0x59 0, 4 Full, VE;
    Vmulpd: 1 1 0x59 1, 8 Full, VE;
    Vdivps: 0 1 0x5e 0, 4 Full, VE;
    Vdivpd: 1 1 0x5e 1, 8 Full, VE;
    Vminps: 0 1 0x5d 0, 4 Full, VE;
    Vminpd: 1 1 0x5d 1, 8 Full, VE;
    Vmaxps: 0 1 0x5f 0, 4 Full, VE;
    Vmaxpd: 1 1 0x5f 1, 8 Full, VE;
    Vsqrtps: 0 1 0x51 0, 4 Full, VE;
    Vsqrtpd: 1 1 0x51 1, 8 Full, VE;
    Vandps: 0 1 0x54 0, 4 Full, VE;
    Vandpd: 1 1 0x54 1, 8 Full, VE;
    Vandnps: 0 1 0x55 0, 4 Full, VE;
    Vorps: 0 1 0x56 0, 4 Full, VE;
    Vxorps: 0 1 0x57 0, 4 Full, VE;
    Vxorpd: 1 1 0x57 1, 8 Full, VE;
    Vfmadd132ps: 1 2 0x98 0, 4 Full, VE;
    Vfmadd132pd: 1 2 0x98 1, 8 Full, VE vw 1;
    Vfmadd213ps: 1 2 0xa8 0, 4 Full, VE;
    Vfmadd213pd: 1 2 0xa8 1, 8 Full, VE vw 1;
    Vfmadd231ps: 1 2 0xb8 0, 4 Full, VE;
    Vfmadd231pd: 1 2 0xb8 1, 8 Full, VE vw 1;
    Vroundps: 1 3 0x08 0, 0 Full, V;
    Vroundpd: 1 3 0x09 0, 0 Full, V;
    Vrndscaleps: 1 3 0x08 0, 4 Full, E;
    Vrndscalepd: 1 3 0x09 1, 8 Full, E;
    Vrangeps: 1 3 0x50 0, 4 Full, E;
    Vrangepd: 1 3 0x50 1, 8 Full, E;
    Vcmpps: 0 1 0xc2 0, 0 Full, V;
    Vcmppd: 1 1 0xc2 0, 0 Full, V;
    VcmppsK: 0 1 0xc2 0, 4 Full, E;
    VcmppdK: 1 1 0xc2 1, 8 Full, E;

    // Arithmetic on ints.
    Vpaddd: 1 1 0xfe 0, 4 Full, VE;
    Vpaddq: 1 1 0xd4 1, 8 Full, VE;
    Vpsubd: 1 1 0xfa 0, 4 Full, VE;
    Vpsubq: 1 1 0xfb 1, 8 Full, VE;
    Vpmulld: 1 2 0x40 0, 4 Full, VE;
    Vpmullq: 1 2 0x40 1, 8 Full, E;
    Vpmuludq: 1 1 0xf4 1, 8 Full, VE;
    Vpmuldq: 1 2 0x28 1, 8 Full, VE;
    Vpabsd: 1 2 0x1e 0, 4 Full, VE;
    Vpabsq: 1 2 0x1f 1, 8 Full, E;
    Vpminsd: 1 2 0x39 0, 4 Full, VE;
    Vpminud: 1 2 0x3b 0, 4 Full, VE;
    Vpmaxsd: 1 2 0x3d 0, 4 Full, VE;
    Vpmaxud: 1 2 0x3f 0, 4 Full, VE;
    Vpminsq: 1 2 0x39 1, 8 Full, E;
    Vpminuq: 1 2 0x3b 1, 8 Full, E;
    Vpmaxsq: 1 2 0x3d 1, 8 Full, E;
    Vpmaxuq: 1 2 0x3f 1, 8 Full, E;
    Vpand: 1 1 0xdb 0, 0 Full, V;
    Vpor: 1 1 0xeb 0, 0 Full, V;
    Vpxor: 1 1 0xef 0, 0 Full, V;
    Vpandd: 1 1 0xdb 0, 4 Full, E;
    Vpord: 1 1 0xeb 0, 4 Full, E;
    Vpxord: 1 1 0xef 0, 4 Full, E;
    Vpxorq: 1 1 0xef 1, 8 Full, E;
    Vpternlogd: 1 3 0x25 0, 4 Full, E;
    Vplzcntd: 1 2 0x44 0, 4 Full, E;
    Vplzcntq: 1 2 0x44 1, 8 Full, E;
    VpslldI: 1 1 0x72 0, 4 Full, VE / 6;
    VpsllqI: 1 1 0x73 1, 8 Full, VE / 6;
    VpsrldI: 1 1 0x72 0, 4 Full, VE / 2;
    VpsrlqI: 1 1 0x73 1, 8 Full, VE / 2;
    VpsradI: 1 1 0x72 0, 4 Full, VE / 4;
    VpsraqI: 1 1 0x72 1, 8 Full, E / 4;
    VproldI: 1 1 0x72 0, 4 Full, E / 1;
    VprolqI: 1 1 0x72 1, 8 Full, E / 1;
    Vpsllvd: 1 2 0x47 0, 4 Full, VE;
    Vpsllvq: 1 2 0x47 1, 8 Full, VE vw 1;
    Vpsrlvd: 1 2 0x45 0, 4 Full, VE;
    Vpsrlvq: 1 2 0x45 1, 8 Full, VE vw 1;
    Vpsravd: 1 2 0x46 0, 4 Full, VE;
    Vpsravq: 1 2 0x46 1, 8 Full, E;
    Vpcmpeqd: 1 1 0x76 0, 0 Full, V;
    Vpcmpeqq: 1 2 0x29 0, 0 Full, V;
    Vpcmpgtd: 1 1 0x66 0, 0 Full, V;
    Vpcmpgtq: 1 2 0x37 0, 0 Full, V;
    Vpcmpd: 1 3 0x1f 0, 4 Full, E;
    Vpcmpud: 1 3 0x1e 0, 4 Full, E;
    Vpcmpq: 1 3 0x1f 1, 8 Full, E;
    Vpcmpuq: 1 3 0x1e 1, 8 Full, E;

    // Selections.
    Vblendvps: 1 3 0x4a 0, 0 Full, V;
    Vblendvpd: 1 3 0x4b 0, 0 Full, V;
    Vblendmps: 1 2 0x65 0, 4 Full, E;
    Vblendmpd: 1 2 0x65 1, 8 Full, E;

    // Changes of type.
    Vcvtps2pd: 0 1 0x5a 0, 4 Half, VE;
    Vcvtpd2ps: 1 1 0x5a 1, 8 Full, VE;
    Vcvtdq2ps: 0 1 0x5b 0, 4 Full, VE;
    Vcvtdq2pd: 2 1 0xe6 0, 4 Half, VE;
    Vcvttps2dq: 2 1 0x5b 0, 4 Full, VE;
    Vcvttpd2dq: 1 1 0xe6 1, 8 Full, VE;
    Vcvtudq2ps: 3 1 0x7a 0, 4 Full, E;
    Vcvtudq2pd: 2 1 0x7a 0, 4 Half, E;
    Vcvttps2udq: 0 1 0x78 0, 4 Full, E;
    Vcvttpd2udq: 0 1 0x78 1, 8 Full, E;
    Vcvttps2qq: 1 1 0x7a 0, 4 Half, E;
    Vcvttps2uqq: 1 1 0x78 0, 4 Half, E;
    Vcvttpd2qq: 1 1 0x7a 1, 8 Full, E;
    Vcvttpd2uqq: 1 1 0x78 1, 8 Full, E;
    Vcvtqq2pd: 2 1 0xe6 1, 8 Full, E;
    Vcvtuqq2pd: 2 1 0x7a 1, 8 Full, E;
    Vcvtqq2ps: 0 1 0x5b 1, 8 Full, E;
    Vcvtuqq2ps: 3 1 0x7a 1, 8 Full, E;
    Vcvtph2ps: 1 2 0x13 0, 0 Half, VE;
    Vcvtps2ph: 1 3 0x1d 0, 0 Half, VE;
    Vpmovsxbd: 1 2 0x21 0, 0 Quarter, VE;
    Vpmovzxbd: 1 2 0x31 0, 0 Quarter, VE;
    Vpmovsxwd: 1 2 0x23 0, 0 Half, VE;
    Vpmovzxwd: 1 2 0x33 0, 0 Half, VE;
    Vpmovsxdq: 1 2 0x25 0, 0 Half, VE;
    Vpmovzxdq: 1 2 0x35 0, 0 Half, VE;
    Vpmovdb: 2 2 0x31 0, 0 Quarter, E;
    Vpmovdw: 2 2 0x33 0, 0 Half, E;
    Vpackssdw: 1 1 0x6b 0, 4 Full, VE;
    Vpackusdw: 1 2 0x2b 0, 4 Full, VE;
    Vpacksswb: 1 1 0x63 0, 0 Full, VE;
    Vpackuswb: 1 1 0x67 0, 0 Full, VE;

    // Moves of whole registers. Stores have the opcode after the load's.
    Vmovups: 0 1 0x10 0, 0 Full, VE;
    Vmovaps: 0 1 0x28 0, 0 Full, VE;
    Vmovdqu32: 2 1 0x6f 0, 0 Full, E;
    Vmovdqu64: 2 1 0x6f 1, 0 Full, E;
    Vmovntps: 0 1 0x2b 0, 0 Full, VE;
    Vmaskmovps: 1 2 0x2c 0, 0 Full, V;
    Vmaskmovpd: 1 2 0x2d 0, 0 Full, V;
    Vbroadcastss: 1 2 0x18 0, 0 Bytes(4), VE;
    Vbroadcastsd: 1 2 0x19 1, 0 Bytes(8), VE;
    Vpbroadcastd: 1 2 0x58 0, 0 Bytes(4), VE;
    Vpbroadcastq: 1 2 0x59 1, 0 Bytes(8), VE;

    // Moves of lanes.
    Vpermpd: 1 3 0x01 1, 8 Full, VE vw 1;
    Vpermq: 1 3 0x00 1, 8 Full, VE vw 1;
    Vshufps: 0 1 0xc6 0, 4 Full, VE;
    Vpshufd: 1 1 0x70 0, 4 Full, VE;
    Vpermt2d: 1 2 0x7e 0, 4 Full, E;
    Vpblendd: 1 3 0x02 0, 0 Full, V;
    Vextractf128: 1 3 0x19 0, 0 Bytes(16), VE;
    Vextractf64x4: 1 3 0x1b 1, 0 Bytes(32), E;
    Vinsertf128: 1 3 0x18 0, 0 Bytes(16), VE;
    Vinsertf64x4: 1 3 0x1a 1, 0 Bytes(32), E;
    Vmovmskps: 0 1 0x50 0, 0 Full, V;
    Vmovmskpd: 1 1 0x50 0, 0 Full, V;
    Vptest: 1 2 0x17 0, 0 Full, V;

    // Indexed by vectors.
    Vgatherdps: 1 2 0x92 0, 0 Bytes(4), VE;
    Vgatherdpd: 1 2 0x92 1, 0 Bytes(8), VE vw 1;
    Vgatherqps: 1 2 0x93 0, 0 Bytes(4), VE;
    Vgatherqpd: 1 2 0x93 1, 0 Bytes(8), VE vw 1;
    Vscatterdps: 1 2 0xa2 0, 0 Bytes(4), E;
    Vscatterdpd: 1 2 0xa2 1, 0 Bytes(8), E;
}
