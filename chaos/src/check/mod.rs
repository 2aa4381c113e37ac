//! The judgement of a run directory: `valid`, `invalid` with the shortest explanation, or `unknown`.
