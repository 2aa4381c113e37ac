//! What the demo and the benchmarks share: looking at a cluster, and saying where all this ran.

pub mod machine;
pub mod observer;
