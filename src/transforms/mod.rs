//! Transforms: jaxpr to jaxpr.
