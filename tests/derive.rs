//! `#[derive(Pytree)]`: structs named, of tuples, generic; enums; static fields; paths in messages.

use cotangent::prelude::*;

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
