//! Types as users write them: without the paths that the compiler puts before each name.

/// `(Array, Vec<Array>)`; the compiler says `(cotangent::core::array::Array, alloc::vec::Vec<..>)`.
pub(crate) fn type_text<T: ?Sized>() -> String {
    shortened(std::any::type_name::<T>())
}

fn shortened(path: &str) -> String {
    let mut text = String::new();
    let mut rest = path;
    while let Some(colons) = rest.find("::") {
        // What stands before the colons is kept up to the name that they follow.
        let name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '{' | '}' | '#');
        text.push_str(rest[..colons].trim_end_matches(name));
        rest = &rest[colons + 2..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::array::Array;
    use std::collections::BTreeMap;

    #[test]
    fn paths_are_left_out() {
        assert_eq!(type_text::<(Array, Vec<Array>)>(), "(Array, Vec<Array>)");
        assert_eq!(type_text::<BTreeMap<String, [Array; 2]>>(), "BTreeMap<String, [Array; 2]>");
        assert_eq!(type_text::<Option<()>>(), "Option<()>");
        assert_eq!(shortened("a::b::{{closure}}::P"), "P");
    }
}
