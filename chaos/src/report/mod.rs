//! A judged run as text, JSON and a timeline.
