//! Holds the book of `docs/book`: links lead somewhere, tables and messages are true, every example
//! has its place in the gallery. Its programs are doctests (`mod book` of `src/lib.rs`).
//!
//! | file | contents |
//! | --- | --- |
//! | `pages` | the Markdown pages, and what stands in them |
//! | `chapters` | the list of chapters; their programs run |
//! | `links` | files and anchors of links |
//! | `tables` | what the tables for users of other libraries name stands in programs |
//! | `messages` | messages of the compiler |
//! | `variables` | the table of environment variables |
//! | `gallery` | the sections of the examples, and their pictures |

mod chapters;
mod gallery;
mod links;
mod messages;
mod pages;
mod tables;
mod variables;
