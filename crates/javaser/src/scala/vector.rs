//! Reading the `Vector` of Scala 2.12, which writes its tree as it is (2.13 writes a list of the elements).

use super::bad_data;
use crate::view::{AccessError, View};

/// Each node of the tree has 32 children.
const BITS: u32 = 5;
/// The most elements that are taken. A tree may share its nodes, so that some hundred of them hold 2^30 elements.
const MOST: i32 = 1 << 16;

/// The elements of a vector.
pub(super) fn elements(value: View<'_>) -> Result<Vec<View<'_>>, AccessError> {
    let start = value.get("startIndex", View::int)?;
    let end = value.get("endIndex", View::int)?;
    let focus = value.get("focus", View::int)?;
    if start < 0 || end < start || focus < 0 {
        return Err(bad_data(value, "its bounds are no range"));
    }
    if end - start > MOST {
        return Err(bad_data(value, "it has more than 65536 elements"));
    }
    (start..end)
        .map(|index| element(value, index as u32, focus as u32))
        .collect()
}

/// One element. `displayN` is the node of level N on the way to the element at `focus`; an element is found below the
/// lowest one whose subtree holds both.
fn element(value: View<'_>, index: u32, focus: u32) -> Result<View<'_>, AccessError> {
    let apart = index ^ focus;
    let level = (apart.checked_ilog2().unwrap_or(0)) / BITS;
    let missing = || bad_data(value, "the tree has no such element");
    let mut node = value
        .field(&format!("display{level}"))
        .map_err(|_| missing())?;
    for level in (0..=level).rev() {
        let at = (index >> (BITS * level)) & 31;
        let child = node.elements()?.get(at as usize).ok_or_else(missing)?;
        node = value.at(child);
    }
    Ok(node)
}
