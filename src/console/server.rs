//! The process: listens, hands each connection to the routes, and ends in order.
//!
//! A slow or silent client costs one connection for a while and nothing else: the handshake, the headers, the request
//! and an answer that it does not read have time limits, and the number of connections is limited.

use super::accounts::Micros;
use super::app::App;
use super::client::Peer;
use super::impatient::Impatient;
use super::routes;
use super::tls;
use crate::base::error::{Error, Result, cause};
use crate::config::console::Console;
use crate::service::systemd;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
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

/// Connections at once.
const CONNECTIONS: usize = 1024;
/// How long a client takes for its handshake, and for the headers of a request.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client takes nothing of an answer.
const STALL: Duration = Duration::from_secs(30);
/// How long requests that are under way may take at the end.
const END: Duration = Duration::from_secs(10);
/// Login sessions that have ended are deleted this often, give or take a half.
const CLEAN_UP: Duration = Duration::from_secs(15 * 60);

/// Serves until a signal ends it. Says the address once it listens.
pub(super) async fn serve(app: Arc<App>, listening: impl FnOnce(SocketAddr)) -> Result<()> {
    let settings = app.settings().clone();
    let tls = tls::acceptor(&settings)?;
    let listen = settings.listen;
    let cannot = |error: std::io::Error| Error::cannot("listen on", listen, error);
    let listener = TcpListener::bind(listen).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let signals = |kind| signal(kind).map_err(|error| Error::cannot("listen to", "signals", error));
    let (mut terminate, mut interrupt) = (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
    listening(address);
    // A store that is not there yet is waited for: until then requests are answered with 503.
    if let Err(error) = app.accounts.open(app.micros()).await {
        tracing::error!(error = error.to_string(), "cannot open the store of login sessions yet");
    }
    systemd::ready();
    tracing::info!(%address, "serving");

    let (stop, stopping) = watch::channel(false);
    let mut clean_up = tokio::spawn(clean_up(Arc::clone(&app)));
    let router = routes::router(Arc::clone(&app));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
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

/// The next connection, once there is a place for it. An error such as too many open files passes.
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

/// Answers the requests of a connection, the last one when the console stops.
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
        .serve_connection(TokioIo::new(Impatient::new(stream, STALL)), service);
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

/// Deletes what has ended, now and then. Machines that share a store do not do it all at once.
async fn clean_up(app: Arc<App>) {
    loop {
        let factor = 0.5 + f64::from(u32::try_from(app.micros() % 1000).unwrap_or_default()) / 1000.0;
        tokio::time::sleep(CLEAN_UP.mul_f64(factor)).await;
        match clean_up_once(&app, app.micros()).await {
            Ok(deleted) => tracing::info!(deleted, "login sessions that had ended are deleted"),
            Err(error) => tracing::error!(%error, "cannot delete login sessions that have ended"),
        }
    }
}

async fn clean_up_once(app: &App, now: Micros) -> std::result::Result<u64, super::accounts::StoreError> {
    Ok(app.accounts.clean_up(now).await? + app.accounts.clean_up_tokens(now).await?)
}

/// Refuses settings by which passwords would cross a network in the clear.
pub(super) fn check(settings: &Console) -> Result<()> {
    if settings.listen.ip().is_loopback() || settings.is_secure() {
        return Ok(());
    }
    let message = format!("`{}` would be served without TLS", settings.listen);
    let hint = "set [console] tls_certificate and tls_key, or public_url to the https:// address of a proxy";
    Err(Error::new(crate::base::error::Status::Config, message).hint(hint))
}
