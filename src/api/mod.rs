//! What the user calls.
