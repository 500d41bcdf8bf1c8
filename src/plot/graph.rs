//! A jaxpr as a drawing: inputs above, a box for each equation below what it reads, outputs at the
//! end. Bodies of loops and branches are drawn inside of their equation.
//!
//! The layout is layered: an equation lies one layer below the lowest of its operands, lines that
//! pass layers bend there, and each layer is ordered by the middle of what its members read.

use super::picture::Picture;
use super::scene::{Anchor, FAINT, INK, Paint, Point, Scene, WHITE};
use super::text::width;
use crate::core::aval::Aval;
use crate::core::jaxpr::{Atom, ClosedJaxpr, Eqn, Jaxpr};
use std::fmt::Write;

/// The deepest bodies that are drawn.
const DEEPEST: usize = 3;
/// The sizes of names and of types.
const TEXT: f64 = 12.0;
const TYPE: f64 = 9.0;
const BOX: f64 = 24.0;
/// Between boxes of a layer, and between layers.
const GAP: f64 = 18.0;
const STEP: f64 = 34.0;
const MARGIN: f64 = 12.0;
/// Rounds of ordering.
const ROUNDS: usize = 6;

const EQUATION: Paint = Paint::solid([219, 234, 254]);
const BORDER: Paint = Paint::solid([241, 245, 249]);

impl ClosedJaxpr {
    /// The jaxpr as a drawing, which can be saved as SVG or PNG.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let jaxpr = make_jaxpr(grad(|x: Array| x.sin().sum()))(array![1.0, 2.0]);
    /// assert!(jaxpr.picture().to_svg().contains("cos"));
    /// ```
    pub fn picture(&self) -> Picture {
        Picture::of(drawn(&self.jaxpr, 0), "jaxpr")
    }
}

struct Node {
    layer: usize,
    size: Point,
    /// The text, and the bodies below it.
    text: String,
    bodies: Vec<Scene>,
    paint: Option<Paint>,
    /// The nodes that it reads, with the type of what it reads.
    reads: Vec<(usize, String)>,
    /// The middle of the upper side.
    at: Point,
}

impl Node {
    fn new(layer: usize, text: String, paint: Option<Paint>) -> Node {
        let size = (width(&text, TEXT) + 14.0, BOX);
        let (bodies, reads) = (Vec::new(), Vec::new());
        Node { layer, size, text, bodies, paint, reads, at: (0.0, 0.0) }
    }
}

fn short(aval: &Aval) -> String {
    format!("{}{:?}", aval.dtype, &aval.shape[..]).replace(' ', "")
}

fn drawn(jaxpr: &Jaxpr, depth: usize) -> Scene {
    let mut nodes = nodes(jaxpr, depth);
    bend(&mut nodes);
    place(&mut nodes);
    paint(&nodes)
}

/// The nodes of inputs, equations and outputs, each behind what it reads.
fn nodes(jaxpr: &Jaxpr, depth: usize) -> Vec<Node> {
    // The node that binds each variable.
    let mut bound = vec![0; jaxpr.avals.len()];
    let mut nodes = Vec::new();
    for (n, input) in jaxpr.inputs.iter().enumerate() {
        bound[input.index()] = nodes.len();
        nodes.push(Node::new(0, format!("in {n}: {}", short(jaxpr.aval(*input))), None));
    }
    let read = |nodes: &[Node], bound: &[usize], atoms: &[Atom]| {
        let vars = atoms.iter().filter_map(|a| a.var());
        let reads: Vec<(usize, String)> =
            vars.map(|v| (bound[v.index()], short(jaxpr.aval(v)))).collect();
        let layer = reads.iter().map(|(n, _)| nodes[*n].layer + 1).max().unwrap_or(0);
        (reads, layer)
    };
    for eqn in &jaxpr.eqns {
        let (reads, layer) = read(&nodes, &bound, &eqn.inputs);
        let mut node = Node::new(layer, title(eqn), Some(EQUATION));
        node.reads = reads;
        if depth < DEEPEST {
            let params = eqn.prim.params();
            let bodies = params.iter().flat_map(|(_, p)| p.jaxprs());
            node.bodies = bodies.map(|body| drawn(body, depth + 1)).collect();
        }
        let (w, h) = node.size;
        let inner: f64 = node.bodies.iter().map(|b| b.size.0 + 8.0).sum();
        let tallest = node.bodies.iter().map(|b| b.size.1 + 8.0).fold(0.0, f64::max);
        node.size = (w.max(inner + 8.0), h + tallest);
        eqn.outputs.iter().for_each(|v| bound[v.index()] = nodes.len());
        nodes.push(node);
    }
    let last = nodes.iter().map(|n| n.layer).max().unwrap_or(0) + 1;
    for (n, output) in jaxpr.outputs.iter().enumerate() {
        let (reads, _) = read(&nodes, &bound, &[*output]);
        let value = if let Atom::Literal(s) = output {
            format!(" = {}", s.readable())
        } else {
            String::new()
        };
        let mut node = Node::new(last, format!("out {n}{value}"), None);
        node.reads = reads;
        nodes.push(node);
    }
    nodes
}

/// The primitive's name and its literals.
fn title(eqn: &Eqn) -> String {
    let mut text = eqn.prim.name().to_owned();
    for atom in &eqn.inputs {
        if let Atom::Literal(s) = atom {
            // Writing to a string does not fail.
            let _ = write!(text, " {}", s.readable());
        }
    }
    text
}

/// Adds a point in every layer that a line passes.
fn bend(nodes: &mut Vec<Node>) {
    for n in 0..nodes.len() {
        let mut reads = std::mem::take(&mut nodes[n].reads);
        for (from, ty) in &mut reads {
            for layer in nodes[*from].layer + 1..nodes[n].layer {
                let mut point = Node::new(layer, String::new(), None);
                point.size = (6.0, 0.0);
                point.reads = vec![(*from, std::mem::take(ty))];
                *from = nodes.len();
                nodes.push(point);
            }
        }
        nodes[n].reads = reads;
    }
}

/// Orders the layers and places their nodes.
fn place(nodes: &mut [Node]) {
    let count = nodes.iter().map(|n| n.layer).max().map_or(0, |l| l + 1);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); count];
    (0..nodes.len()).for_each(|n| layers[nodes[n].layer].push(n));
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (n, node) in nodes.iter().enumerate() {
        node.reads.iter().for_each(|(from, _)| readers[*from].push(n));
    }
    for round in 0..ROUNDS {
        for l in 0..count {
            let l = if round % 2 == 0 { l } else { count - 1 - l };
            spread(nodes, &layers[l]);
            let beside = |n: usize| -> f64 {
                let above = nodes[n].reads.iter().map(|(from, _)| *from);
                let all: Vec<usize> = match round % 2 {
                    0 => above.collect(),
                    _ => readers[n].clone(),
                };
                match all.len() {
                    0 => nodes[n].at.0,
                    k => all.iter().map(|m| nodes[*m].at.0).sum::<f64>() / k as f64,
                }
            };
            let mut order: Vec<(f64, usize)> = layers[l].iter().map(|n| (beside(*n), *n)).collect();
            order.sort_by(|a, b| a.0.total_cmp(&b.0));
            layers[l] = order.into_iter().map(|(_, n)| n).collect();
            spread(nodes, &layers[l]);
        }
    }
    let mut y = 0.0;
    for layer in &layers {
        let tallest = layer.iter().map(|n| nodes[*n].size.1).fold(0.0, f64::max);
        for n in layer {
            nodes[*n].at.1 = y;
            if nodes[*n].text.is_empty() {
                // A line passes beside the boxes.
                nodes[*n].size.1 = tallest;
            }
        }
        y += tallest + STEP;
    }
}

/// Places the nodes of a layer side by side, around 0.
fn spread(nodes: &mut [Node], layer: &[usize]) {
    let width: f64 = layer.iter().map(|n| nodes[*n].size.0 + GAP).sum();
    let mut x = -width / 2.0;
    for n in layer {
        let w = nodes[*n].size.0;
        nodes[*n].at.0 = x + (w + GAP) / 2.0;
        x += w + GAP;
    }
}

/// The types of what each node gives to others; inputs say theirs themselves.
fn given(nodes: &[Node]) -> Vec<String> {
    let mut given: Vec<Vec<&str>> = vec![Vec::new(); nodes.len()];
    for (from, ty) in nodes.iter().flat_map(|n| &n.reads) {
        if nodes[*from].paint.is_some() && !ty.is_empty() && !given[*from].contains(&&ty[..]) {
            given[*from].push(ty);
        }
    }
    given.iter().map(|types| types.join(", ")).collect()
}

fn paint(nodes: &[Node]) -> Scene {
    let given = given(nodes);
    let left = nodes.iter().map(|n| n.at.0 - n.size.0 / 2.0).fold(0.0, f64::min);
    let beside = given.iter().map(|types| 8.0 + width(types, TYPE));
    let ends = nodes.iter().zip(beside).map(|(n, w)| n.at.0 + w.max(n.size.0 / 2.0));
    let right = ends.fold(0.0, f64::max);
    let below = nodes.iter().map(|n| n.at.1 + n.size.1).fold(0.0, f64::max);
    let mut scene = Scene::new((right - left + 2.0 * MARGIN, below + 2.0 * MARGIN));
    let moved = |(x, y): Point| (x - left + MARGIN, y + MARGIN);
    for node in nodes {
        for (from, _) in &node.reads {
            let source = &nodes[*from];
            let start = moved((source.at.0, source.at.1 + source.size.1));
            scene.line(vec![start, moved(node.at)], INK.cover(0.5), 1.0);
        }
    }
    for node in nodes.iter().filter(|n| n.text.is_empty()) {
        let ends = [node.at, (node.at.0, node.at.1 + node.size.1)];
        scene.line(ends.map(moved).to_vec(), INK.cover(0.5), 1.0);
    }
    for (node, types) in nodes.iter().zip(given).filter(|(_, types)| !types.is_empty()) {
        let (x, y) = moved((node.at.0 + 8.0, node.at.1 + node.size.1 + 11.0));
        // Lines that pass below the text are fainter there.
        scene.rectangle((x, y - 8.0), (width(&types, TYPE), 10.0), WHITE.cover(0.8));
        scene.text((x, y), Anchor::Start, TYPE, &types);
    }
    for node in nodes.iter().filter(|n| !n.text.is_empty()) {
        let at = moved((node.at.0 - node.size.0 / 2.0, node.at.1));
        scene.rectangle(at, node.size, node.paint.unwrap_or(BORDER));
        let (w, h) = node.size;
        let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h), (0.0, 0.0)];
        scene.line(corners.map(|(x, y)| (at.0 + x, at.1 + y)).to_vec(), FAINT, 1.0);
        scene.text((at.0 + w / 2.0, at.1 + 16.0), Anchor::Middle, TEXT, &node.text);
        let mut x = at.0 + 8.0;
        for body in &node.bodies {
            scene.rectangle((x, at.1 + BOX), body.size, Paint::solid([255, 255, 255]));
            scene.place(body.clone(), (x, at.1 + BOX));
            x += body.size.0 + 8.0;
        }
    }
    scene
}
