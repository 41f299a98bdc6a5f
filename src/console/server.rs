//! The server: listens, hands connections to the routes, and stops in order.
//!
//! A slow or silent client can only occupy one connection for a limited time: there are time limits for the TLS
//! handshake, for the headers, for the request, and for an answer that the client does not read. The number of
//! connections is limited too.

use super::app::App;
use super::client::Peer;
use super::router::router;
use super::tls;
use super::write_timeout::WriteTimeout;
use crate::base::error::{Error, Result, cause};
use crate::base::suspension;
use crate::config::console::Console;
use crate::service::systemd;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use signal_hook::consts::SIGHUP;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The most connections at a time.
const CONNECTIONS: usize = 1024;
/// The time limit for a handshake, and for the headers of a request.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may accept no data of an answer.
const STALL: Duration = Duration::from_secs(30);
/// The time that running requests get when the console stops.
const END: Duration = Duration::from_secs(10);
/// How often is deleted what has ended. The actual time varies by half, so that machines with a shared store
/// take turns.
const CLEAN_UP: Duration = Duration::from_secs(15 * 60);

/// Serves until a signal ends it. Calls `listening` with the address once it listens.
///
/// A console on a terminal ends when the terminal is closed. A service ignores SIGHUP: administrators send it to make
/// services read their configuration again.
pub(super) async fn serve(app: Arc<App>, listening: impl FnOnce(SocketAddr)) -> Result<()> {
    let settings = app.settings().clone();
    let tls = tls::acceptor(&settings)?;
    let listen = settings.listen;
    let cannot = |error: std::io::Error| Error::cannot("listen on", listen, error);
    let listener = TcpListener::bind(listen).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let signals = |kind| signal(kind).map_err(|error| Error::cannot("listen to", "signals", error));
    let (mut terminate, mut interrupt) = (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
    let ends_with_terminal = std::io::stdin().is_terminal() && !suspension::is_ignored(SIGHUP);
    let mut hang_up = signals(SignalKind::hangup())?;
    listening(address);
    // If the store is not reachable yet, the console starts anyway. Until then, requests are answered with 503.
    if let Err(error) = app.accounts.open(app.micros()).await {
        tracing::error!(error = error.to_string(), "cannot open the account store yet");
    }
    systemd::ready();
    tracing::info!(%address, "serving");

    let (stop, stopping) = watch::channel(false);
    let mut clean_up = tokio::spawn(clean_up(Arc::clone(&app)));
    let router = router(Arc::clone(&app));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => {
                if ends_with_terminal {
                    break;
                }
                tracing::info!("SIGHUP is ignored; a restart reads the configuration again");
                continue;
            }
            Some(_) = connections.join_next() => continue,
            _ = &mut clean_up => break,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let (router, tls, stopping) = (router.clone(), tls.clone(), stopping.clone());
        connections.spawn(async move {
            converse(stream, Peer(peer), router, tls, stopping).await;
            drop(place);
        });
    }
    systemd::stopping();
    tracing::info!("stopping");
    drop(listener);
    clean_up.abort();
    let _ = stop.send(true);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(END, ended).await.is_err() {
        tracing::warn!("requests were cut off");
    }
    app.accounts.close().await;
    Ok(())
}

/// The next connection, once there is a place for it. `None` after an error such as too many open files, which passes.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(error) => {
            tracing::warn!(error = cause(&error), "cannot accept a connection");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn converse(
    stream: TcpStream,
    peer: Peer,
    router: axum::Router,
    tls: Option<TlsAcceptor>,
    stopping: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => answer(stream, peer, router, stopping).await,
        Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => answer(stream, peer, router, stopping).await,
            Ok(Err(error)) => tracing::debug!(error = cause(&error), "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

/// Answers the requests of a connection. When the console stops, the current request is the last one.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: Peer,
    router: axum::Router,
    mut stopping: watch::Receiver<bool>,
) {
    let service = TowerToHyperService::new(router.layer(axum::Extension(peer)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HANDSHAKE)
        .max_headers(100)
        .serve_connection(TokioIo::new(WriteTimeout::new(stream, STALL)), service);
    let mut connection = pin!(connection);
    let stopped = async { stopping.wait_for(|stopping| *stopping).await.map(|_| ()) };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if ended.is_err() {
        tracing::debug!("a client broke off, or was too slow");
    }
}

/// Deletes what has ended at intervals. The intervals vary, so that machines that share a store do not all delete
/// at the same time.
async fn clean_up(app: Arc<App>) {
    loop {
        let factor = 0.5 + f64::from(u32::try_from(app.micros() % 1000).unwrap_or_default()) / 1000.0;
        tokio::time::sleep(CLEAN_UP.mul_f64(factor)).await;
        match app.accounts.clean_up(app.micros()).await {
            Ok(deleted) => tracing::info!(deleted, "ended login sessions and old audit entries are deleted"),
            Err(error) => tracing::error!(%error, "cannot delete ended login sessions and old audit entries"),
        }
    }
}

/// Refuses settings with which passwords would be sent over a network without encryption.
pub(super) fn check(settings: &Console) -> Result<()> {
    if settings.listen.ip().is_loopback() || settings.is_secure() {
        return Ok(());
    }
    let message = format!("`{}` would be served without TLS", settings.listen);
    let hint = "set [console] tls_certificate and tls_key, or public_url to the https:// address of a proxy";
    Err(Error::new(crate::base::error::Status::Config, message).hint(hint))
}
