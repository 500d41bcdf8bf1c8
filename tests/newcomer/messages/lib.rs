//! The tests of this package compare what the compiler says of the programs in `../fail`.
