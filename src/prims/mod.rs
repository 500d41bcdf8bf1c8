//! The primitives: one place each.
