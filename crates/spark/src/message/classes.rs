//! The classes of the messages that a master takes, and the numbers by which their releases are told apart.

use vesta_javaser::{ClassView, View};
use vesta_types::Dialect;

use super::error::MessageError;

const VERIFIER: &str = "endpoint-verifier";
const MASTER: &str = "Master";

/// Which message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    CheckExistence,
    RegisterWorker,
    Heartbeat,
    WorkerLatestState,
    ExecutorStateChanged,
    DriverStateChanged,
    WorkerSchedulerStateResponse,
    WorkerDecommissioning,
    RegisterApplication,
    RequestExecutors,
    KillExecutors,
    UnregisterApplication,
    MasterChangeAcknowledged,
    RequestSubmitDriver,
    RequestKillDriver,
    RequestDriverStatus,
    RequestKillAllDrivers,
}

struct Known {
    /// After the `$` of the class that it is in; a `case object` ends with one itself.
    name: &'static str,
    kind: Kind,
    /// The serialVersionUID in Spark 3.4 and 3.5.
    scala_2_12: Option<i64>,
    /// The same in 4.0 to 4.3.
    scala_2_13: Option<i64>,
}

/// Which message this is, sent to which endpoint, and the dialect that it is of.
///
/// # Errors
/// When that endpoint takes no such message, or its number is of no release that is known.
pub(super) fn identify(endpoint: &str, message: View<'_>) -> Result<(Kind, Dialect), MessageError> {
    let class = class_of(message)?;
    let (outer, names) = match endpoint {
        VERIFIER => (
            "org.apache.spark.rpc.netty.RpcEndpointVerifier$",
            &KNOWN[..1],
        ),
        MASTER => ("org.apache.spark.deploy.DeployMessages$", &KNOWN[1..]),
        _ => ("", &KNOWN[..0]),
    };
    let full = class.name();
    let name = full.strip_prefix(outer);
    let known = names.iter().find(|known| Some(known.name) == name);
    let known = known.ok_or_else(|| MessageError::UnknownMessage {
        class: class.name(),
        // Text of the peer's, so as a line of a log can hold it.
        endpoint: endpoint
            .chars()
            .take(80)
            .collect::<String>()
            .escape_debug()
            .to_string(),
    })?;
    let uid = Some(class.uid());
    if uid == known.scala_2_12 {
        return Ok((known.kind, Dialect::Scala212));
    }
    if uid == known.scala_2_13 {
        return Ok((known.kind, Dialect::Scala213));
    }
    Err(known.other(class))
}

/// The class of a message; that of a `case object` from Scala 2.13 is named by the proxy that stands for it.
fn class_of(message: View<'_>) -> Result<ClassView<'_>, MessageError> {
    if message.is_a("scala.runtime.ModuleSerializationProxy") {
        return Ok(message.get("moduleClass", View::class_literal)?);
    }
    message.class().ok_or_else(|| MessageError::NotAnObject {
        found: message.kind(),
    })
}

impl Known {
    fn other(&self, class: ClassView<'_>) -> MessageError {
        let numbers = [
            (self.scala_2_12, "3.4 and 3.5"),
            (self.scala_2_13, "4.0 to 4.3"),
        ];
        let known = numbers
            .iter()
            .filter_map(|(uid, releases)| uid.map(|uid| format!("{uid} is of {releases}")));
        MessageError::UnknownRelease {
            class: class.name(),
            uid: class.uid(),
            known: known.collect::<Vec<_>>().join(", "),
        }
    }
}

/// The first is the verifier's, the others are the master's.
const KNOWN: [Known; 17] = [
    Known {
        name: "CheckExistence",
        kind: Kind::CheckExistence,
        scala_2_12: Some(7_789_290_765_573_734_431),
        scala_2_13: Some(5_378_738_997_755_484_868),
    },
    Known {
        name: "RegisterWorker",
        kind: Kind::RegisterWorker,
        scala_2_12: Some(2_340_739_175_558_496_895),
        scala_2_13: Some(3_085_801_672_543_586_679),
    },
    Known {
        name: "Heartbeat",
        kind: Kind::Heartbeat,
        scala_2_12: Some(5_048_299_117_639_018_539),
        scala_2_13: Some(-5_233_196_306_810_399_467),
    },
    Known {
        name: "WorkerLatestState",
        kind: Kind::WorkerLatestState,
        scala_2_12: Some(4_188_474_217_440_943_790),
        scala_2_13: Some(-6_850_897_349_328_470_644),
    },
    Known {
        name: "ExecutorStateChanged",
        kind: Kind::ExecutorStateChanged,
        scala_2_12: Some(598_573_664_597_499_922),
        scala_2_13: Some(-8_088_587_685_683_531_104),
    },
    Known {
        name: "DriverStateChanged",
        kind: Kind::DriverStateChanged,
        scala_2_12: Some(-8_251_670_405_306_024_888),
        scala_2_13: Some(-8_449_820_785_438_919_136),
    },
    Known {
        name: "WorkerSchedulerStateResponse",
        kind: Kind::WorkerSchedulerStateResponse,
        scala_2_12: Some(1_156_382_645_110_166_268),
        scala_2_13: Some(-8_020_849_573_893_123_207),
    },
    Known {
        name: "WorkerDecommissioning",
        kind: Kind::WorkerDecommissioning,
        scala_2_12: Some(1_162_011_726_282_573_694),
        scala_2_13: Some(8_969_258_284_774_933_843),
    },
    Known {
        name: "RegisterApplication",
        kind: Kind::RegisterApplication,
        scala_2_12: Some(-5_495_080_032_843_259_921),
        scala_2_13: Some(1_314_361_325_537_467_148),
    },
    Known {
        name: "RequestExecutors",
        kind: Kind::RequestExecutors,
        scala_2_12: Some(1_498_232_161_328_921_434),
        scala_2_13: Some(7_425_611_577_559_342_961),
    },
    Known {
        name: "KillExecutors",
        kind: Kind::KillExecutors,
        scala_2_12: Some(-3_955_979_353_196_882_338),
        scala_2_13: Some(9_133_637_256_198_584_554),
    },
    Known {
        name: "UnregisterApplication",
        kind: Kind::UnregisterApplication,
        scala_2_12: Some(78_849_718_616_371_197),
        scala_2_13: Some(-8_390_152_732_535_815_425),
    },
    Known {
        name: "MasterChangeAcknowledged",
        kind: Kind::MasterChangeAcknowledged,
        scala_2_12: Some(-1_383_577_790_594_576_537),
        scala_2_13: Some(4_447_603_314_273_774_296),
    },
    Known {
        name: "RequestSubmitDriver",
        kind: Kind::RequestSubmitDriver,
        scala_2_12: Some(2_086_705_296_795_265_444),
        scala_2_13: Some(-4_723_813_690_162_202_536),
    },
    Known {
        name: "RequestKillDriver",
        kind: Kind::RequestKillDriver,
        scala_2_12: Some(7_763_132_472_584_695_338),
        scala_2_13: Some(-6_009_959_939_375_207_245),
    },
    Known {
        name: "RequestDriverStatus",
        kind: Kind::RequestDriverStatus,
        scala_2_12: Some(-5_846_948_205_890_614_879),
        scala_2_13: Some(-1_863_272_440_264_723_007),
    },
    Known {
        name: "RequestKillAllDrivers$",
        kind: Kind::RequestKillAllDrivers,
        scala_2_12: None,
        scala_2_13: Some(-5_788_778_459_428_030_730),
    },
];
