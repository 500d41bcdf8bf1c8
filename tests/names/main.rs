//! Holds that users find things: names of NumPy, JAX and PyTorch by rustdoc's search, methods of
//! `Array` under headings, rooms in the table of the crate.
//!
//! | file | contents |
//! | --- | --- |
//! | `names.txt` | names of the other libraries, and why some have no equivalent |
//! | `items` | the public items and their aliases, read from the sources |
//! | `list` | the list, looked up |
//! | `chapters` | the tables of names in the book's chapters |
//! | `pages` | headings and tables of the documentation |

mod chapters;
mod items;
mod list;
mod pages;
