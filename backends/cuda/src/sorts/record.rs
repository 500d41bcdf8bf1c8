//! The keys and the position of an element, packed into a few words: no two records are equal, and
//! their order, word by word, is that of the sort.

use super::body::Body;
use super::extents::size;
use super::keys::class;
use crate::ptx::{Class, Value};
use smallvec::SmallVec;

/// A field of a record: its word, and the bits that follow it there.
#[derive(Clone, Copy, Debug)]
struct Field {
    word: usize,
    shift: u32,
}

pub struct Record {
    /// The words, the first of which decides first.
    pub words: SmallVec<[Class; 4]>,
    fields: SmallVec<[Field; 4]>,
}

impl Record {
    /// Fields of so many bits, of which the last is the position.
    pub fn new(widths: &[u32]) -> Record {
        // A field lies in one word.
        let mut used: SmallVec<[u32; 4]> = SmallVec::new();
        let mut fields: SmallVec<[Field; 4]> = SmallVec::new();
        for width in widths {
            match used.last_mut() {
                Some(last) if *last + width <= 64 => {
                    let word = used.len() - 1;
                    fields.iter_mut().filter(|f| f.word == word).for_each(|f| f.shift += width);
                    used[word] += width;
                }
                _ => used.push(*width),
            }
            fields.push(Field { word: used.len() - 1, shift: 0 });
        }
        Record { words: used.into_iter().map(class).collect(), fields }
    }

    pub fn bytes(&self) -> usize {
        self.words.iter().map(|w| size(*w)).sum()
    }

    /// The words of these fields.
    pub fn pack(&self, b: &mut Body, values: &[Value]) -> SmallVec<[Value; 4]> {
        let mut words: SmallVec<[Option<Value>; 4]> = self.words.iter().map(|_| None).collect();
        for (f, v) in self.fields.iter().zip(values) {
            let class = self.words[f.word];
            let mut v = b.extended(*v, class);
            if f.shift > 0 {
                v = b.c.get(
                    class,
                    &format!("shl.{}", class.bits()),
                    format_args!("{v}, {}", f.shift),
                );
            }
            words[f.word] = Some(match words[f.word] {
                Some(w) => {
                    b.c.get(class, &format!("or.{}", class.bits()), format_args!("{w}, {v}"))
                }
                None => v,
            });
        }
        words.into_iter().flatten().collect()
    }
}
