//! What Spark opens of Java's modules to a JVM on JDK 17, by release (`JavaModuleOptions`).

use vesta_types::{Dialect, SparkRelease};

/// In every release.
const OPENED: [&str; 15] = [
    "java.base/java.lang",
    "java.base/java.lang.invoke",
    "java.base/java.lang.reflect",
    "java.base/java.io",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.base/sun.nio.cs",
    "java.base/sun.security.action",
    "java.base/sun.util.calendar",
    "java.security.jgss/sun.security.krb5",
];

/// The options for a driver of this release.
pub(super) fn module_options(release: SparkRelease) -> Vec<String> {
    let scala_213 = release.dialect == Dialect::Scala213;
    let mut options = vec!["-XX:+IgnoreUnrecognizedVMOptions".to_owned()];
    if scala_213 {
        options.push("--add-modules=jdk.incubator.vector".to_owned());
    }
    let opened = OPENED.iter();
    options.extend(opened.map(|package| format!("--add-opens={package}=ALL-UNNAMED")));
    options.push("-Djdk.reflect.useDirectMethodHandle=false".to_owned());
    if scala_213 {
        options.push("-Dio.netty.tryReflectionSetAccessible=true".to_owned());
    }
    options
}
