//! Whom to hold sessions with, as a pure function.

use std::collections::BTreeSet;

/// The addresses to hold a session with.
///
/// The members as the masters name them, once they did. What the user named may be other names of the
/// same masters, and a second session to one closes the first, for ever in turn; so those addresses
/// are kept only while no session to a member is `open` (the members may be unreachable under the
/// names that they give themselves).
pub(crate) fn wanted<'a>(
    configured: &'a [String],
    members: &'a [String],
    open: &BTreeSet<String>,
) -> BTreeSet<&'a str> {
    let mut wanted: BTreeSet<&str> = members.iter().map(String::as_str).collect();
    if !members.iter().any(|member| open.contains(member)) {
        wanted.extend(configured.iter().map(String::as_str));
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(addresses: &[&str]) -> Vec<String> {
        addresses
            .iter()
            .map(|address| (*address).to_owned())
            .collect()
    }

    fn wants(configured: &[&str], members: &[&str], open: &[&str]) -> Vec<String> {
        let open = list(open).into_iter().collect();
        let (configured, members) = (list(configured), list(members));
        wanted(&configured, &members, &open)
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn before_anyone_answered_all_that_were_named_are_dialled() {
        assert_eq!(wants(&["a:1", "b:1"], &[], &[]), ["a:1", "b:1"]);
    }

    #[test]
    fn once_a_member_is_reached_other_names_of_it_are_not_dialled_as_well() {
        let (configured, members) = (["localhost:1"], ["127.0.0.1:1", "127.0.0.1:2"]);
        assert_eq!(wants(&configured, &members, &["127.0.0.1:1"]), members);
    }

    #[test]
    fn a_member_that_can_t_be_reached_under_its_own_name_is_held_under_the_user_s() {
        let (configured, members) = (["gateway:1"], ["inside:1"]);
        assert_eq!(
            wants(&configured, &members, &["gateway:1"]),
            ["gateway:1", "inside:1"]
        );
    }
}
