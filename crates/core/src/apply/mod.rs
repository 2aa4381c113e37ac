//! Applying entries.
