//! Takes connections, so many at once and no more.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Before the next try when a connection can't be taken: no file descriptors are left, most likely, and it would
/// fail again at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Has `serve` serve every connection that comes, `at_once` of them at a time; more wait to be taken. Ends when it
/// is dropped, and every connection with it.
pub async fn accept<F>(listener: TcpListener, at_once: usize, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(at_once));
    let mut connections = JoinSet::new();
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let accepted = listener.accept().await;
        let (Ok(place), Ok((stream, _))) = (place, accepted) else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let served = serve(stream);
        connections.spawn(async move {
            served.await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}
