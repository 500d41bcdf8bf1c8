//! The sun and its four giant planets for four thousand years, forces taken as the gradient of the
//! potential.
//!
//! `cargo run --release --example 04_nbody` prints the energy and how well it is kept, and writes
//! `nbody_energy.svg` and `nbody_orbits.svg`.
//!
//! Lengths are in astronomical units, times in years, masses in solar masses times `4 pi^2`. The
//! states are those of the n-body task of the Computer Language Benchmarks Game, whose energies
//! after 0 and 1,000 steps are public: the program checks itself against them.

use cotangent::plot::Plot;
use cotangent::prelude::*;
use std::f64::consts::PI;
use std::time::Instant;

const BODIES: usize = 5;
const DAYS: f64 = 365.24;
const SUN: f64 = 4.0 * PI * PI;

/// Position, velocity per day, mass in solar masses: the sun, Jupiter, Saturn, Uranus, Neptune.
const STATES: [[f64; 7]; BODIES] = [
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    [
        4.841_431_442_464_72,
        -1.160_320_044_027_428_4,
        -0.103_622_044_471_123_11,
        0.001_660_076_642_744_037,
        0.007_699_011_184_197_404,
        -0.000_069_046_001_697_206_3,
        0.000_954_791_938_424_326_6,
    ],
    [
        8.343_366_718_244_58,
        4.124_798_564_124_305,
        -0.403_523_417_114_321,
        -0.002_767_425_107_268_624,
        0.004_998_528_012_349_172,
        0.000_023_041_729_757_376_393,
        0.000_285_885_980_666_130_8,
    ],
    [
        12.894_369_562_139_13,
        -15.111_151_401_698_631,
        -0.223_307_578_892_655_73,
        0.002_964_601_375_647_616,
        0.002_378_471_739_594_809_5,
        -0.000_029_658_956_854_023_756,
        0.000_043_662_440_433_515_63,
    ],
    [
        15.379_697_114_850_917,
        -25.919_314_609_987_964,
        0.179_258_772_950_371_18,
        0.002_680_677_724_903_893_2,
        0.001_628_241_700_382_423,
        -0.000_095_159_225_451_971_59,
        0.000_051_513_890_204_661_145,
    ],
];

/// Positions and velocities, `f64[bodies, 3]` each.
type State = (Array, Array);

/// `- sum over pairs of m_i m_j / |x_i - x_j|`.
fn potential(x: Array, m: &Array) -> Array {
    let pairs: Vec<Array> = (0..BODIES as isize)
        .flat_map(|i| (0..i).map(move |j| (i, j)))
        .map(|(i, j)| {
            let distance = (x.index(i) - x.index(j)).square().sum().sqrt();
            -(m.index(i) * m.index(j)) / distance
        })
        .collect();
    stack(&pairs, 0).sum()
}

fn energy((x, v): &State, m: &Array) -> Array {
    (m * v.square().sum_axis(-1)).sum() * 0.5 + potential(x.clone(), m)
}

fn acceleration(x: &Array, m: &Array) -> Array {
    -grad(|x: Array| potential(x, m))(x.clone()) / m.expand_dims(1)
}

/// Velocities first, then positions with the new velocities.
fn kick_and_drift((x, v): State, m: &Array, step: f64) -> State {
    let v = v + acceleration(&x, m) * step;
    (x + &v * step, v)
}

/// Half a drift, a kick, half a drift: second order, and symplectic, so that the energy does not
/// run away.
fn leapfrog((x, v): State, m: &Array, step: f64) -> State {
    let middle = x + &v * (step / 2.0);
    let v = v + acceleration(&middle, m) * step;
    (middle + &v * (step / 2.0), v)
}

fn initial(m: &Array) -> State {
    let part = |from: usize, scale: f64| {
        let rows: Vec<Vec<f64>> =
            STATES.iter().map(|s| s[from..from + 3].iter().map(|x| x * scale).collect()).collect();
        Array::from(rows)
    };
    let (x, v) = (part(0, 1.0), part(3, DAYS));
    // The centre of mass rests.
    let momentum = (m.expand_dims(1) * &v).sum_axis(0) / SUN;
    let sun = arange(BODIES as i32).eq(0).expand_dims(1);
    (x, sun.select(-momentum, &v))
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let masses: Vec<f64> = STATES.iter().map(|s| s[6] * SUN).collect();
    let m = Array::from(masses);
    let start = initial(&m);
    println!("energy at the start: {:.9}", energy(&start, &m).item::<f64>());

    let thousand = jit(|s: State, m: Array| {
        let end = fori_loop(0..1_000, |_, s: State| kick_and_drift(s, &m, 0.01), s);
        energy(&end, &m)
    });
    let e = thousand(start.clone(), m.clone()).item::<f64>();
    println!("energy after 1,000 steps of 0.01: {e:.9}");
    assert!((e + 0.169_087_605).abs() < 5e-10, "the published energy is -0.169087605");

    // In steps of 20 days: the energy and the planets' places, once every `inner` steps.
    let step = 20.0 / DAYS;
    let run = |inner: i32, outer: usize| {
        jit(move |s: State, m: Array| {
            let record = |s: State, ()| {
                let s = fori_loop(0..inner, |_, s: State| leapfrog(s, &m, step), s);
                let e = energy(&s, &m);
                (s.clone(), (e, s.0.index(1..)))
            };
            let options = ScanOptions { length: Some(outer), ..Default::default() };
            scan_with(record, s, (), options).1
        })
    };
    let (inner, outer) = (40, 1_826);
    let years = step * f64::from(inner * outer);
    let four_thousand = run(inner, outer as usize);
    let before = Instant::now();
    let (energies, _) = four_thousand(start.clone(), m.clone());
    let energies = energies.to_vec::<f64>();
    let took = before.elapsed();

    let first = energy(&start, &m).item::<f64>();
    let relative: Vec<f64> = energies.iter().map(|e| (e - first) / first.abs()).collect();
    let largest = |part: &[f64]| part.iter().fold(0f64, |m, e| m.max(e.abs()));
    let half = relative.len() / 2;
    let (early, late) = (largest(&relative[..half]), largest(&relative[half..]));
    println!("{years:.0} years: relative error of the energy at most {:.1e}", early.max(late));
    assert!(late < 1.2 * early, "the energy drifts: {early:.2e}, then {late:.2e}");

    // The error swings many times in each window of 22 samples: draw how far.
    let windows = relative.chunks(22).map(|w| w.iter().map(|e| e * 1e6).collect::<Vec<f64>>());
    let (low, high): (Vec<f64>, Vec<f64>) = windows.map(|w| (min(&w), max(&w))).unzip();
    let middles = (0..low.len()).map(|i| (22 * i + 11) as f64 * years / f64::from(outer));
    let plot = Plot::new("relative error of the energy, millionths")
        .x_label("years")
        .y_limits(-20.0, 20.0)
        .band("leapfrog, 20 days", middles.collect::<Vec<f64>>(), low, high);

    // A year of Neptune.
    let (_, places) = run(4, 760)(start, m);
    let mut orbits = Plot::new("165 years, astronomical units").equal_units().x_limits(-35.0, 60.0);
    for (i, name) in ["Jupiter", "Saturn", "Uranus", "Neptune"].into_iter().enumerate() {
        let coordinate = |axis: usize| places.index(s![.., i, axis]);
        orbits = orbits.line(name, coordinate(0), coordinate(1));
    }
    for (name, plot) in [("nbody_energy.svg", plot), ("nbody_orbits.svg", orbits)] {
        if let Err(e) = plot.picture().save(name) {
            println!("could not write {name}: {e}");
        }
    }
    let steps = f64::from(inner * outer);
    println!("{steps} steps: {:.0} ns each", took.as_secs_f64() * 1e9 / steps);
    Ok(())
}

fn min(x: &[f64]) -> f64 {
    x.iter().copied().fold(f64::INFINITY, f64::min)
}

fn max(x: &[f64]) -> f64 {
    x.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}
