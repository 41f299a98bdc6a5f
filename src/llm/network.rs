//! Whether this process may open connections at all: a unit of systemd can forbid it.

use std::net::UdpSocket;

/// What the packaged unit closes, its drop-in opens.
pub(crate) const CLOSED: &str = "the unit of this service closes the network; copy \
    `/usr/share/doc/sessionmill/examples/llm.conf` to `/etc/systemd/system/sessionmill.service.d/` and restart it";

/// Says so if no socket of the internet can be made, in whatever version of its protocol.
///
/// # Errors
///
/// With the reason and the way out.
pub(crate) fn check() -> Result<(), String> {
    let is_refused = |address| {
        let error = UdpSocket::bind(address).err();
        error.and_then(|error| error.raw_os_error()).map(rustix::io::Errno::from_raw_os_error)
            == Some(rustix::io::Errno::AFNOSUPPORT)
    };
    if ["127.0.0.1:0", "[::1]:0"].into_iter().all(is_refused) { Err(CLOSED.to_owned()) } else { Ok(()) }
}
