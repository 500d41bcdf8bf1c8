//! Random programs through the laws. `PROPTEST_CASES` says how many, `PROGRAMS_SEED` which; a
//! failure shrinks and prints its jaxpr and the seed.

use cotangent_proptests::generate::{Kind, Op, Recipe, Step, program, recipes};
use cotangent_proptests::laws::{
    adjoint, backend, batch, check, checkify, commute, cuda, jet, jvp, keep, modes, narrow, text,
};
use cotangent_proptests::program::Program;
use cotangent_proptests::violation::{Violation, guard};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::io::Write;

fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(default, |t| t.parse().unwrap_or_else(|_| panic!("{variable} is no number: {t}")))
}

/// Runs `law` on programs of random recipes.
fn hold(share: f64, kind: Kind, law: impl Fn(&Recipe, &Program) -> Result<(), Violation>) {
    let seed = number("PROGRAMS_SEED", 20260214);
    let cases = (number("PROPTEST_CASES", 256) as f64 * share).ceil() as u32;
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 4000,
        max_shrink_time: 60_000,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&recipes(kind), |recipe| {
        let holds = guard(|| law(&recipe, &program(&recipe)?));
        holds.map_err(|v| TestCaseError::fail(v.to_string()))
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, recipe)) => {
            let shown =
                guard(|| program(&recipe)).map(|p| format!("{}\nat {:?}", p.jaxpr, p.inputs));
            let shown = shown.unwrap_or_else(|e| format!("{e}"));
            panic!("\n{why}\n\nof the program\n{shown}\n\nseed {seed}, recipe {recipe:?}");
        }
        Err(e) => panic!("{e}, seed {seed}"),
    }
}

/// What the values of a program must satisfy.
fn values(p: &Program) -> Result<(), Violation> {
    check::on(p)?;
    if !p.has_rules() {
        text::on(p)?;
    }
    backend::on(p)?;
    checkify::on(p).map_err(|e| e.within("checkify"))?;
    keep::simplified_on(p).map_err(|e| e.within("simplify"))?;
    keep::dced_on(p).map_err(|e| e.within("dce"))?;
    keep::split_on(p).map_err(|e| e.within("split"))?;
    batch::on(p).map_err(|e| e.within("batch"))
}

/// Derivatives are what differences say, and what each other say; in floats of 16 bits those of the
/// twin.
fn smooth(p: &Program) -> Result<(), Violation> {
    if let Some(twin) = p.twin()? {
        narrow::on(p, &twin).map_err(|e| e.within("16 bits against 32"))?;
        return smooth(&twin).map_err(|e| e.within("the twin in f64"));
    }
    jvp::together(p).map_err(|e| e.within("jvp"))?;
    adjoint::on(p).map_err(|e| e.within("adjoint"))?;
    jet::together(p).map_err(|e| e.within("jet"))
}

/// What derivatives must satisfy.
fn derivatives(p: &Program) -> Result<(), Violation> {
    smooth(p)?;
    commute::on(p).map_err(|e| e.within("commute"))?;
    backend::on(&p.jvp(3)?).map_err(|e| e.within("jvp, compiled"))?;
    let back = p.pullback(3)?;
    backend::on(&back).map_err(|e| e.within("pullback, compiled"))?;
    keep::simplified_on(&back).map_err(|e| e.within("pullback, simplified"))
}

/// A program of transforms of the program, one on the other.
fn transformed(p: &Program, transforms: &[u8]) -> Result<Program, Violation> {
    let mut p = p.clone();
    for (i, t) in transforms.iter().enumerate() {
        let seed = 10 + i as u64;
        p = match t {
            0 => p.jvp(seed)?,
            1 => p.pullback(seed)?,
            2 => {
                let all = vec![true; p.inputs.len()];
                let rows: Result<Vec<_>, _> = p.inputs.iter().map(batch::rows).collect();
                p.batched(&all, &rows?, 2)?
            }
            _ => p.with(cotangent::transforms::simplify::simplify(&p.jaxpr, Default::default())?),
        };
    }
    Ok(p)
}

fn plain(steps: usize) -> Kind {
    Kind { steps, ..Kind::default() }
}

#[test]
fn values_of_plain_programs() {
    hold(1.0, Kind { rough: true, ..plain(14) }, |_, p| values(p));
}

#[test]
fn derivatives_of_plain_programs() {
    hold(1.0, plain(10), |_, p| derivatives(p));
    let share = jvp::share_compared();
    assert!(share > 0.9, "of the slopes only {share} could be compared");
}

/// The second backend on programs and on their gradients.
#[test]
fn values_on_the_second_backend() {
    let law = |_: &Recipe, p: &Program| {
        cuda::on(p)?;
        if p.inputs.iter().any(|x| x.dtype().is_inexact()) && p.twin()?.is_none() {
            cuda::on(&p.pullback(3)?).map_err(|e| e.within("pullback"))?;
        }
        Ok(())
    };
    hold(0.5, plain(12), law);
    hold(0.3, Kind { depth: 2, ..plain(5) }, law);
}

#[test]
fn values_of_programs_with_bodies() {
    hold(0.5, Kind { depth: 2, endless: true, rough: true, ..plain(6) }, |_, p| values(p));
}

#[test]
fn derivatives_of_programs_with_bodies() {
    hold(0.5, Kind { depth: 3, ..plain(4) }, |_, p| derivatives(p));
}

/// Programs of any primitives of the library, each applied to inputs like those of its cases.
/// Values satisfy the laws, and derivatives are the same interpreted and compiled.
#[test]
fn programs_of_cases() {
    let kind = Kind { cases: true, rough: true, depth: 1, ..plain(5) };
    hold(1.0, kind, |_, p| {
        values(p)?;
        backend::on(&p.jvp(3)?).map_err(|e| e.within("jvp"))?;
        if p.forward_only() {
            return Ok(());
        }
        backend::on(&p.pullback(3)?).map_err(|e| e.within("pullback"))
    });
}

/// Every primitive is drawn, but for those that cannot stand in a program by themselves.
#[test]
fn every_primitive_is_drawn() {
    let not_alone = [
        ("psum", "needs a mapped axis: drawn inside lanes, and gone once these are batched"),
        ("pmax", "needs a mapped axis"),
        ("pmin", "needs a mapped axis"),
        ("all_gather", "needs a mapped axis"),
        ("psum_scatter", "needs a mapped axis"),
        ("all_to_all", "needs a mapped axis"),
        ("ppermute", "needs a mapped axis"),
        ("axis_index", "needs a mapped axis"),
        ("custom_lin", "lives between linearization and transposition only"),
        ("check", "waits for checkify"),
        ("pure_callback", "has no derivative"),
        ("io_callback", "must happen once, so laws that compute twice see two calls"),
        ("debug_callback", "prints"),
    ];
    let mut seen = std::collections::BTreeSet::new();
    let kind = Kind { cases: true, endless: true, depth: 1, ..plain(8) };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let drawn = recipes(kind);
    for _ in 0..600 {
        let recipe = drawn.new_tree(&mut runner).expect("a recipe").current();
        let program = program(&recipe).expect("a program");
        program.names(&mut seen);
    }
    let names = cotangent::prims::roll_call::roll_call().into_iter().map(|e| e.name);
    let missing: Vec<&str> = names
        .filter(|n| !seen.contains(*n) && !not_alone.iter().any(|(name, _)| name == n))
        .collect();
    assert!(missing.is_empty(), "the generator of programs never draws {missing:?}");
}

/// Of programs without reverse mode.
fn forward(p: &Program) -> Result<(), Violation> {
    match p.twin()? {
        None => jvp::together(p),
        Some(twin) => narrow::on(p, &twin).and_then(|()| jvp::together(&twin)),
    }
}

/// On zeros, infinities, NaN, the largest and the smallest numbers, and with functions as they are:
/// values are the same whoever computes them, transforms keep them, nothing panics. How the modes
/// of differentiation compare is printed.
fn anywhere(p: &Program) -> Result<(), Violation> {
    check::on(p)?;
    if !p.has_rules() {
        text::on(p)?;
    }
    modes::bits(backend::anywhere(p)?);
    checkify::on(p).map_err(|e| e.within("checkify"))?;
    keep::simplified_on(p).map_err(|e| e.within("simplify"))?;
    keep::dced_on(p).map_err(|e| e.within("dce"))?;
    keep::split_on(p).map_err(|e| e.within("split"))?;
    batch::on(p).map_err(|e| e.within("batch"))?;
    modes::bits(backend::anywhere(&p.jvp(3)?).map_err(|e| e.within("jvp"))?);
    if !p.forward_only() {
        let back = p.pullback(3)?;
        modes::bits(backend::anywhere(&back).map_err(|e| e.within("pullback"))?);
        keep::simplified_on(&back).map_err(|e| e.within("pullback, simplified"))?;
    }
    modes::on(p).map_err(|e| e.within("modes"))
}

#[test]
fn special_values() {
    hold(2.0, Kind { wild: true, rough: true, ..plain(6) }, |_, p| anywhere(p));
    hold(2.0, Kind { wild: true, rough: true, depth: 2, ..plain(4) }, |_, p| anywhere(p));
    let seen = format!("on special values, programs and their derivatives\n{}", modes::seen());
    std::io::stdout().lock().write_all(seen.as_bytes()).expect("stdout");
}

/// Loops whose number of rounds nobody knows have forward mode, which is what differences say, over
/// batches, too.
#[test]
fn forward_mode_of_endless_loops() {
    hold(0.25, Kind { depth: 2, endless: true, ..plain(4) }, |_, p| {
        forward(p)?;
        commute::on(p).map_err(|e| e.within("commute"))?;
        let moved = p.jvp(3)?;
        values(&moved).map_err(|e| e.within("of the derivative"))?;
        forward(&moved).map_err(|e| e.within("the second derivative"))
    });
}

#[test]
fn transforms_of_transforms() {
    let kind = Kind { depth: 2, transforms: 3, ..plain(5) };
    hold(0.25, kind, |recipe, p| {
        let p = transformed(p, &recipe.transforms)?;
        check::on(&p)?;
        backend::on(&p)?;
        keep::simplified_on(&p)?;
        let p = p.twin()?.unwrap_or(p);
        jvp::together(&p)?;
        adjoint::on(&p)
    });
}

/// What random programs found once: dead reverse rules in a batching rule, a checkpoint all of
/// whose inputs wait, a sum over nothing as a piece of a whole, a choice between two filled arrays
/// by a scalar; and jumps beside the point, which differences must notice and say nothing of.
#[test]
fn found_before() {
    let step = |op, [a, b, c]: [u8; 3], body: Vec<Step>| Step { op, a, b, c, body };
    let unary = |a| step(Op::Unary, [a, 0, 0], Vec::new());
    let of = |shapes: Vec<u8>, steps| Recipe {
        dtype: cotangent::DType::F64,
        shapes,
        ints: false,
        wholes: Vec::new(),
        rough: false,
        wild: None,
        steps,
        transforms: Vec::new(),
        odd: 0,
    };
    let rule = step(Op::CustomVjp, [0; 3], vec![unary(0)]);
    let batched = of(vec![0], vec![step(Op::CustomVmap, [0; 3], vec![rule])]);
    let back = program(&batched).and_then(|p| p.pullback(3)).expect("a pullback");
    batch::on(&back).expect("a batch of the pullback");

    let gather = step(Op::Take, [0; 3], Vec::new());
    let inner = step(Op::Checkpoint, [44, 20, 33], vec![gather]);
    let outer = step(Op::Checkpoint, [94, 5, 98], vec![inner, unary(146), unary(0)]);
    let first = step(Op::BoundedWhile, [0, 56, 0], vec![unary(0)]);
    let kept = program(&of(vec![1], vec![first, outer])).expect("a program");
    values(&kept).and_then(|()| derivatives(&kept)).expect("a checkpoint in a checkpoint");

    let pieces = vec![
        unary(0),
        step(Op::Slice, [0, 0, 78], Vec::new()),
        step(Op::Concatenate, [1, 0, 56], Vec::new()),
    ];
    let checkpoint = step(Op::Checkpoint, [158, 0, 151], pieces);
    let mapped = of(vec![0, 0, 3], vec![step(Op::Map, [100, 0, 196], vec![checkpoint])]);
    program(&mapped).and_then(|p| values(&p)).expect("a piece that is a sum over nothing");

    let filled = vec![
        step(Op::Literal, [0; 3], Vec::new()),
        step(Op::Literal, [1, 187, 1], Vec::new()),
        unary(8),
        step(Op::Slice, [191, 0, 0], Vec::new()),
        step(Op::Slice, [0; 3], Vec::new()),
        step(Op::Select, [39, 35, 112], Vec::new()),
    ];
    program(&of(vec![1], filled)).and_then(|p| values(&p)).expect("a choice between filled arrays");

    let scattered = vec![unary(0), step(Op::ScatterAdd, [3, 0, 8], Vec::new())];
    let steps = vec![
        step(Op::StopGradient, [20, 0, 0], Vec::new()),
        step(Op::Transformed, [0, 110, 0], vec![step(Op::Pad, [0, 0, 55], Vec::new())]),
        step(Op::Scan, [0; 3], vec![unary(0)]),
        step(Op::Checkpoint, [51, 0, 43], scattered),
    ];
    let cond = step(
        Op::Cond,
        [0; 3],
        vec![step(Op::Stepwise, [0, 6, 0], Vec::new()), unary(0), unary(0), unary(0)],
    );
    let rule = step(Op::CustomVjp, [0; 3], vec![unary(0)]);
    let jumps = Recipe { dtype: cotangent::DType::F32, ..of(vec![0, 6], vec![cond, rule]) };
    program(&jumps).and_then(|p| adjoint::on(&p)).expect("a jump under a reverse rule");

    let floored = Recipe { dtype: cotangent::DType::F32, ..of(vec![0, 2], steps) };
    let back = program(&floored).and_then(|p| p.pullback(10)).expect("a pullback");
    jvp::together(&back).expect("a floor that jumps within a wide step");
}

/// Rules that give reverse mode only, against differences; and what becomes of them in batches and
/// second derivatives.
#[test]
fn reverse_rules() {
    hold(0.25, Kind { depth: 2, reverse_rules: true, ..plain(4) }, |_, p| {
        values(p)?;
        let back = p.pullback(3)?;
        backend::on(&back)?;
        batch::on(&back).map_err(|e| e.within("batch of the pullback"))?;
        if let Some(twin) = p.twin()? {
            return narrow::on(p, &twin).and_then(|()| adjoint::on(&twin));
        }
        adjoint::on(p)?;
        adjoint::on(&back).map_err(|e| e.within("reverse over reverse"))
    });
}
