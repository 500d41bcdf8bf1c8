//! `#[derive(Pytree)]`: structs named, of tuples, generic; enums; static fields, floats among them;
//! newtypes, names; paths in messages and files.

use cotangent::io::leaf_names;
use cotangent::prelude::*;
use std::collections::BTreeMap;

#[derive(Pytree, Clone)]
struct Layer {
    w: Array,
    b: Option<Array>,
    #[pytree(static)]
    activation: Activation,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Activation {
    Double,
    Square,
}

#[derive(Pytree, Clone)]
struct Model<T> {
    layers: Vec<Layer>,
    head: T,
}

#[derive(Pytree)]
struct Pair(Array, Array);

#[derive(Pytree)]
struct Nothing;

#[derive(Pytree)]
enum Shape {
    Circle { radius: Array },
    Square(Array),
    Point,
}

fn model() -> Model<Pair2> {
    let layer = |w: f32, activation| Layer { w: array![w], b: None, activation };
    Model {
        layers: vec![layer(2.0, Activation::Double), layer(3.0, Activation::Square)],
        head: Pair2 { x: array![1.0], y: array![4.0] },
    }
}

#[derive(Pytree, Clone)]
struct Pair2 {
    x: Array,
    y: Array,
}

fn apply(m: Model<Pair2>, x: Array) -> Array {
    m.layers.into_iter().fold(x * m.head.x, |x, layer| {
        let y = x * layer.w;
        match layer.activation {
            Activation::Double => y * 2.0,
            Activation::Square => &y * &y,
        }
    }) + m.head.y
}

#[test]
fn structs_are_trees() {
    let m = model();
    assert_eq!(tree_leaves(&m).len(), 4);
    assert_eq!(tree_structure(&m).paths(), [".layers[0].w", ".layers[1].w", ".head.x", ".head.y"]);
    let twice = tree_map(|x| x * 2.0, m);
    assert_eq!(twice.layers[1].w.item::<f32>(), 6.0);
    assert_eq!(twice.layers[1].activation, Activation::Square);
    let Pair(a, b) = tree_map(|x| -x, Pair(array![1.0], array![2.0]));
    assert_eq!((a.item::<f32>(), b.item::<f32>()), (-1.0, -2.0));
    let Nothing = tree_map(|x| x, Nothing);
}

#[test]
fn enums_are_trees() {
    let shapes =
        vec![Shape::Circle { radius: array![1.0] }, Shape::Square(array![2.0]), Shape::Point];
    let area = |s: &Shape| match s {
        Shape::Circle { radius } => radius.item::<f32>(),
        Shape::Square(side) => side.item(),
        Shape::Point => 0.0,
    };
    let bigger = tree_map(|x| x * 10.0, shapes);
    assert_eq!(bigger.iter().map(area).collect::<Vec<_>>(), [10.0, 20.0, 0.0]);
}

#[test]
fn static_fields_are_part_of_the_key() {
    let f = jit(apply).named("apply_model");
    // 4 x 2 -> double: 16 -> times 3, squared: 2304, plus 4.
    assert_eq!(f(model(), array![4.0]).item::<f32>(), 2308.0);
    let mut other = model();
    other.layers[1].activation = Activation::Double;
    assert_eq!(f(other, array![4.0]).item::<f32>(), 100.0);
    let misses: Vec<String> = jit_misses()
        .into_iter()
        .filter(|m| m.function == "apply_model")
        .map(|m| m.reason)
        .collect();
    assert_eq!(misses.len(), 2);
    assert!(
        misses[1].starts_with("argument 0.layers[1].activation was the static value"),
        "{misses:?}"
    );
}

#[test]
fn gradients_have_the_structure() {
    let g = grad(|m: Model<Pair2>, x: Array| lax_sum(apply(m, x)));
    let g = g(model(), array![4.0]);
    // y = (4 hx w0 2 w1)^2 + hy = 2304 + 4.
    assert_eq!(g.layers[0].w.item::<f32>(), 2304.0);
    assert_eq!(g.layers[1].w.item::<f32>(), 1536.0);
    assert_eq!((g.head.x.item::<f32>(), g.head.y.item::<f32>()), (4608.0, 1.0));
}

fn lax_sum(x: Array) -> Array {
    cotangent::prims::lax::reduce_sum(&x, &[0])
}

type Rate = f64;

#[derive(Pytree, Clone, Debug, PartialEq)]
struct Scaled {
    x: Array,
    #[pytree(static)]
    rate: Rate,
    #[pytree(static)]
    limits: Option<(f32, [f64; 2])>,
    #[pytree(static)]
    steps: Vec<f32>,
    #[pytree(static)]
    kind: &'static str,
}

fn scaled(rate: f64) -> Scaled {
    Scaled { x: array![2.0], rate, limits: Some((1.0, [0.0, 1.0])), steps: vec![0.5], kind: "a" }
}

#[test]
fn static_floats_are_compared_by_bits() {
    let tree = |s: &Scaled| tree_structure(s);
    let same = [(scaled(0.1), scaled(0.1)), (scaled(f64::NAN), scaled(f64::NAN))];
    for (a, b) in same {
        assert_eq!(tree(&a), tree(&b));
    }
    let other = [
        (scaled(0.0), scaled(-0.0)),
        (scaled(1.0), Scaled { limits: None, ..scaled(1.0) }),
        (scaled(1.0), Scaled { limits: Some((1.0, [0.0, 2.0])), ..scaled(1.0) }),
        (scaled(1.0), Scaled { steps: vec![0.5, 0.5], ..scaled(1.0) }),
        (scaled(1.0), Scaled { steps: vec![0.25], ..scaled(1.0) }),
        (scaled(1.0), Scaled { kind: "b", ..scaled(1.0) }),
    ];
    for (a, b) in other {
        assert_ne!(tree(&a), tree(&b));
    }
    let f = jit(|s: Scaled| Scaled { x: s.x * s.rate, ..s }).named("scale_by_static");
    assert_eq!(f(scaled(0.5)), Scaled { x: array![1.0], ..scaled(0.5) });
    assert_eq!(f(scaled(0.5)).x, array![1.0]);
    assert_eq!(f(scaled(0.25)).x, array![0.5]);
    let misses = jit_misses().into_iter().filter(|m| m.function == "scale_by_static");
    let reasons: Vec<String> = misses.map(|m| m.reason).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    let expected = "argument 0.rate was the static value 0.5, is the static value 0.25";
    assert_eq!(reasons[1], expected);
    assert_eq!(
        tree(&scaled(0.5)).to_string(),
        "Scaled { x: *, rate: 0.5, limits: \
        Some((1.0, [0.0, 1.0])), steps: [0.5], kind: <&str> }"
    );
    let g = grad(|s: Scaled| (s.x * s.rate).sum())(scaled(0.5));
    assert_eq!(g, Scaled { x: array![0.5], ..scaled(0.5) });
}

/// A static type of one's own, with floats in it.
#[derive(Clone, Debug, PartialEq)]
struct Schedule {
    rates: [f32; 2],
}

impl cotangent::api::pytree::StaticField for Schedule {
    fn same_bits(&self, other: &Schedule) -> bool {
        self.rates.same_bits(&other.rates)
    }

    fn hash_bits(&self, hasher: &mut dyn std::hash::Hasher) {
        self.rates.hash_bits(hasher);
    }
}

#[derive(Pytree, Clone, Debug, PartialEq)]
struct Generic<T, S> {
    x: T,
    #[pytree(static)]
    tag: S,
    #[pytree(static)]
    scale: f32,
    #[pytree(static)]
    schedule: Option<Schedule>,
}

#[test]
fn static_fields_of_generic_structs() {
    let schedule = Some(Schedule { rates: [0.1, 0.2] });
    let g = Generic { x: (array![1.0], array![2.0]), tag: 3u8, scale: 2.0, schedule };
    let h = tree_map(|x| x * 2.0, g.clone());
    assert_eq!(h, Generic { x: (array![2.0], array![4.0]), ..g.clone() });
    let other = Generic { schedule: Some(Schedule { rates: [0.1, 0.3] }), ..g.clone() };
    assert_ne!(tree_structure(&g), tree_structure(&other));
    assert_ne!(tree_structure(&g), tree_structure(&Generic { tag: 4u8, ..g.clone() }));
}

#[derive(Pytree, Clone, Debug, PartialEq)]
#[pytree(transparent)]
struct Weights(Array);

#[derive(Pytree, Clone, Debug, PartialEq)]
#[pytree(transparent)]
struct Params<T> {
    tree: BTreeMap<String, T>,
}

#[derive(Pytree, Clone, Debug, PartialEq)]
#[pytree(name = "Dense")]
struct Affine {
    #[pytree(name = "kernel")]
    w: Weights,
    #[pytree(name = "bias-0")]
    b: Array,
    #[pytree(static, name = "rate")]
    r: f32,
}

#[derive(Pytree, Clone, Debug, PartialEq)]
#[pytree(name = "Act")]
enum Activation2 {
    #[pytree(name = "prelu")]
    Parametric(#[pytree(name = "slope")] Array),
    Plain,
}

fn affine() -> Affine {
    Affine { w: Weights(array![1.0, 2.0]), b: array![3.0], r: 0.5 }
}

#[test]
fn newtypes_are_their_fields() {
    let w = Weights(array![1.0]);
    assert_eq!(tree_structure(&w), tree_structure(&array![1.0]));
    assert_eq!(tree_structure(&w).paths(), [""]);
    assert_eq!(leaf_names(&w), ["value"]);
    let params = Params { tree: BTreeMap::from([("w".to_string(), w.clone())]) };
    assert_eq!(tree_structure(&params), tree_structure(&params.tree));
    assert_eq!(leaf_names(&params), ["w"]);
    assert_eq!(tree_map(|x| x + 1.0, w.clone()), Weights(array![2.0]));
    let g = grad(|w: Weights| (&w.0 * &w.0).sum())(w.clone());
    assert_eq!(g, Weights(array![2.0]));
    assert_eq!(vmap(|w: Weights| w.0 * 3.0)(Weights(array![1.0, 2.0])), array![3.0, 6.0]);
    // The Jacobian of a newtype is that of its field.
    let j: Array = jacrev(|x: Array| Weights(x * 3.0))(array![1.0, 2.0]);
    assert_eq!(j, array![[3.0, 0.0], [0.0, 3.0]]);
    let j: Weights = jacfwd(|p: Weights| p.0.sum())(w);
    assert_eq!(j, Weights(array![1.0]));
    let j: BTreeMap<String, Array> =
        jacfwd(|x: Array| Params { tree: BTreeMap::from([("w".to_string(), Weights(2.0 * x))]) })(
            Array::scalar(1.0f32),
        );
    assert_eq!(j["w"], Array::scalar(2.0f32));
}

#[test]
fn names_of_fields_structs_and_variants() {
    let tree = tree_structure(&affine());
    assert_eq!(tree.paths(), [".kernel", ".bias-0"]);
    assert_eq!(tree.to_string(), "Dense { kernel: *, bias-0: *, rate: 0.5 }");
    assert_eq!(leaf_names(&vec![affine()]), ["0.kernel", "0.bias-0"]);
    let acts = vec![Activation2::Parametric(array![0.1]), Activation2::Plain];
    assert_eq!(tree_structure(&acts).to_string(), "vec![Act::prelu { slope: * }, Act::Plain {  }]");
    assert_eq!(
        tree_map(|x| x * 2.0, acts),
        [Activation2::Parametric(array![0.2]), Activation2::Plain]
    );
    // In files and in messages.
    let path = std::env::temp_dir().join(format!("names-{}.safetensors", std::process::id()));
    cotangent::io::save_pytree(&path, &affine()).unwrap();
    let stored = cotangent::io::read_safetensors(&path).unwrap();
    assert_eq!(
        stored.arrays.keys().map(|name| &name[..]).collect::<Vec<_>>(),
        ["bias-0", "kernel"]
    );
    let zero = tree_map(|x| x * 0.0, affine());
    assert_eq!(cotangent::io::load_pytree(&path, &zero).unwrap(), affine());
    let wider = Affine { w: Weights(array![1.0, 2.0, 3.0]), ..affine() };
    let refused = cotangent::io::load_pytree(&path, &wider).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert!(refused.message().contains("kernel"), "{refused}");
    let step = |a: Affine, _: Array| (Affine { w: Weights(array![1.0, 2.0, 3.0]), ..a }, ());
    let refused =
        cotangent::api::control::try_scan(step, affine(), array![0.0], ScanOptions::default());
    let text = refused.expect_err("an error").message().to_string();
    assert!(text.contains("`carry.kernel` changes type"), "{text}");
}
