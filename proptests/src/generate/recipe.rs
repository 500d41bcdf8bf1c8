//! Recipes, and the strategy that draws them.

use cotangent::DType;
use cotangent::core::aval::Aval;
use cotangent::prims::cases::samples::INTS;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;

/// Shapes of inputs: scalars, odd sizes, nothing at all.
const SHAPES: [&[usize]; 7] = [&[], &[3], &[2, 3], &[1], &[5], &[0], &[3, 1, 2]];

/// A program, as choices.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub dtype: DType,
    /// Which shapes the float inputs have; there is at least one.
    pub shapes: Vec<u8>,
    /// Whether an `i32[3]`, an `i32[]` and a `bool[3]` come after them.
    pub ints: bool,
    /// Of which dtypes ints of any size come then.
    pub wholes: Vec<DType>,
    /// Whether steps may round what derivatives need.
    pub rough: bool,
    /// Which special values the inputs are, if they are such.
    pub wild: Option<u8>,
    pub steps: Vec<Step>,
    /// Transforms to put one on the other, by number.
    pub transforms: Vec<u8>,
    /// Bits: an output twice, an input as an output, a literal as an output.
    pub odd: u8,
}

/// What recipes to draw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kind {
    /// At most so many steps.
    pub steps: usize,
    /// How deep bodies nest; 0: none.
    pub depth: u32,
    /// At most so many transforms.
    pub transforms: usize,
    /// Whether there may be rules that give reverse mode only.
    pub reverse_rules: bool,
    /// Whether there may be loops without a limit, which have forward mode only.
    pub endless: bool,
    /// Whether steps may round, so that differences do not tell derivatives.
    pub rough: bool,
    /// Whether inputs are special values and functions are applied as they are.
    pub wild: bool,
    /// Whether steps may apply any primitive of the library to inputs like those of its cases.
    pub cases: bool,
}

/// One operation, its operands and details taken from the numbers, whatever they are.
#[derive(Clone, Debug)]
pub struct Step {
    pub op: Op,
    pub a: u8,
    pub b: u8,
    pub c: u8,
    /// What the bodies do, for those that have some.
    pub body: Vec<Step>,
}

impl Step {
    /// Whether an operation stands somewhere in the body.
    pub fn has(&self, op: Op) -> bool {
        self.body.iter().any(|s| s.op == op || s.has(op))
    }
}

macro_rules! ops {
    ($($(#[$doc:meta])* $op:ident)*) => {
        /// What a step does.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Op { $($(#[$doc])* $op),* }

        impl Op {
            pub const ALL: &[Op] = &[$(Op::$op),*];
        }
    };
}

ops! {
    Unary Binary
    /// Any function on any numbers: not drawn unless asked for.
    Wild
    /// Any primitive, as one of its cases applies it: not drawn unless asked for.
    OfCase
    /// What has steps: floor, sign and their kin.
    Stepwise
    /// Parts of complex numbers, and numbers of parts.
    Complex
    Reduce Running
    /// A fold over windows, or the windows.
    Window
    Broadcast Reshape Transpose Slice Pad Concatenate Rev
    Dot Conv DynamicSlice DynamicUpdate
    /// Along an axis.
    Take
    /// Windows anywhere, with all modes.
    Gather Scatter ScatterAdd
    Sort SortBy TopK Select SelectMany Clamp
    /// To any dtype.
    Convert Bitcast
    /// Rounds to a format, or goes to a neighbour.
    Precision
    Ints
    /// Functions of ints of any dtype.
    Whole
    /// Comparisons, and functions of bools.
    Bools
    Argmax Barrier StopGradient
    /// A literal, or an array full of it.
    Literal
    /// Between the lanes that there are.
    Collective
    Call Cond Scan Map BoundedWhile Checkpoint CustomJvp CustomVmap
    /// A body over lanes that know their axis by a name.
    Lanes
    /// Without a limit, so without reverse mode: not drawn unless asked for.
    While
    /// Gives reverse mode only: not drawn unless asked for.
    CustomVjp
    /// The derivative of a body, or the body over a batch.
    Transformed
}

impl Op {
    pub fn carries(self) -> bool {
        matches!(
            self,
            Op::Call
                | Op::Cond
                | Op::Scan
                | Op::Map
                | Op::BoundedWhile
                | Op::While
                | Op::Lanes
                | Op::Checkpoint
                | Op::CustomJvp
                | Op::CustomVjp
                | Op::CustomVmap
                | Op::Transformed
        )
    }
}

impl Recipe {
    pub fn inputs(&self) -> Vec<Aval> {
        let float = |s: &u8| Aval::new(SHAPES[*s as usize % SHAPES.len()].to_vec(), self.dtype);
        let mut avals: Vec<Aval> = self.shapes.iter().map(float).collect();
        if self.ints {
            avals.push(Aval::new([3], DType::I32));
            avals.push(Aval::scalar(DType::I32));
            avals.push(Aval::new([3], DType::Bool));
        }
        let whole = |(i, d): (usize, &DType)| Aval::new(SHAPES[1 + i % 2].to_vec(), *d);
        avals.extend(self.wholes.iter().enumerate().map(whole));
        avals
    }
}

/// Recipes of a kind.
pub fn recipes(kind: Kind) -> impl Strategy<Value = Recipe> {
    let inexact = prop_oneof![
        6 => Just(DType::F64),
        2 => Just(DType::F32),
        1 => Just(DType::F16),
        1 => Just(DType::BF16),
        1 => Just(DType::C64),
        2 => Just(DType::C128),
    ];
    (
        inexact,
        vec(0..SHAPES.len() as u8, 1..=3),
        any::<bool>(),
        vec(select(INTS.to_vec()), 0..=2),
        vec(step(kind), 1..=kind.steps),
        vec(0u8..4, 0..=kind.transforms),
        0u8..8,
    )
        .prop_map(move |(dtype, shapes, ints, wholes, steps, transforms, odd)| Recipe {
            dtype,
            shapes,
            ints,
            // Small ones of i32 are there already.
            wholes: wholes.into_iter().filter(|d| *d != DType::I32).collect(),
            rough: kind.rough,
            wild: kind.wild.then(|| steps[0].a ^ steps[0].b),
            steps,
            transforms,
            odd,
        })
}

fn step(kind: Kind) -> impl Strategy<Value = Step> {
    let drawn = move |o: &Op| match o {
        Op::CustomVjp => kind.reverse_rules,
        Op::While => kind.endless,
        Op::Wild => kind.wild,
        Op::OfCase => kind.cases,
        _ => true,
    };
    let of = |carries: bool| -> Vec<Op> {
        Op::ALL.iter().copied().filter(|o| o.carries() == carries && drawn(o)).collect()
    };
    let (mut plain, carriers) = (of(false), of(true));
    if kind.wild {
        // As often as all others together.
        plain.extend(vec![Op::Wild; plain.len()]);
    }
    if kind.cases {
        plain.extend(vec![Op::OfCase; plain.len()]);
    }
    let leaf = (select(plain), any::<[u8; 3]>()).prop_map(|(op, [a, b, c])| Step {
        op,
        a,
        b,
        c,
        body: Vec::new(),
    });
    leaf.prop_recursive(kind.depth, 12, 4, move |inner| {
        let carrier = (select(carriers.clone()), any::<[u8; 3]>());
        (carrier, vec(inner, 1..=4)).prop_map(|((op, [a, b, c]), body)| Step { op, a, b, c, body })
    })
}
