//! How something ended, by what a worker of Spark's own says.

use vesta_spark::message::{DriverState, ExecutorState};
use vesta_types::Exit;

/// How a driver ended; nothing while it has not.
pub(super) fn of_driver(state: DriverState, exception: Option<&str>) -> Option<Exit> {
    let exit = match state {
        DriverState::Finished => Exit {
            code: Some(0),
            ..Exit::default()
        },
        DriverState::Killed => Exit {
            killed: true,
            ..Exit::default()
        },
        // The exit code of a program that failed is not told.
        DriverState::Failed => Exit::default(),
        DriverState::Error => {
            let why = exception.unwrap_or("its worker does not say why");
            Exit {
                error: Some(why.to_owned()),
                ..Exit::default()
            }
        }
        DriverState::Submitted
        | DriverState::Running
        | DriverState::Relaunching
        | DriverState::Unknown => return None,
    };
    Some(exit)
}

/// How an executor ended.
pub(super) fn of_executor(state: ExecutorState, message: Option<&str>, code: Option<i32>) -> Exit {
    let said = || message.unwrap_or(state.as_str()).to_owned();
    match state {
        ExecutorState::Killed => Exit {
            code,
            killed: true,
            ..Exit::default()
        },
        ExecutorState::Exited if code.is_some() => Exit {
            code,
            ..Exit::default()
        },
        _ => Exit {
            code,
            error: Some(said()),
            ..Exit::default()
        },
    }
}
