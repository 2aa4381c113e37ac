//! Endpoints.

use vesta_client::proto::Endpoint;

use super::table::{Rows, fitting};

/// The endpoints, in at most `width` characters if that is given.
pub fn endpoints(endpoints: &[Endpoint], width: Option<usize>) -> String {
    let row = |it: &Endpoint| {
        let run = match (it.attempt, it.restart) {
            (0, _) => "-".to_owned(),
            (attempt, 0) => attempt.to_string(),
            (attempt, restart) => format!("{attempt}.{restart}"),
        };
        [
            it.name.clone(),
            it.owner.clone(),
            it.state.clone(),
            run,
            it.address.clone(),
        ]
    };
    let heading = ["NAME", "OWNER", "STATE", "RUN", "ADDRESS"];
    let wide = Rows::new(heading, endpoints.iter().map(row).collect());
    fitting(&wide, width, |width| {
        Rows::new(heading, endpoints.iter().map(row).collect()).lines_in(width, Some(4), vec![])
    })
}
