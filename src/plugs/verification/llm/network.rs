//! Whether this process may open connections: a unit of systemd can forbid it.

use rustix::io::Errno;
use std::net::UdpSocket;

/// The hint if the network is blocked: the packaged unit blocks it, and a drop-in allows it.
pub(crate) const CLOSED: &str = "the unit of this service closes the network; copy \
    `/usr/share/doc/sessionmill/examples/llm.conf` to `/etc/systemd/system/sessionmill.service.d/` and restart it";

/// Checks that a socket of IPv4 or IPv6 can be created.
///
/// # Errors
///
/// With the reason and a hint if neither can.
pub(crate) fn check() -> Result<(), String> {
    let error = |address| UdpSocket::bind(address).err().and_then(|error| error.raw_os_error());
    if is_closed(["127.0.0.1:0", "[::1]:0"].map(error)) { Err(CLOSED.to_owned()) } else { Ok(()) }
}

/// Whether the errors of both versions mean that sockets are forbidden. A machine that lacks one version, or has no
/// network, is not meant.
fn is_closed(errors: [Option<i32>; 2]) -> bool {
    let unsupported = Errno::AFNOSUPPORT.raw_os_error();
    errors.iter().all(|error| *error == Some(unsupported))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_closed_that_no_socket_can_be_made_of() {
        let [closed, absent] = [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL].map(|error| Some(error.raw_os_error()));
        assert!(is_closed([closed, closed]));
        for errors in [[None, None], [None, closed], [closed, absent], [absent, absent]] {
            assert!(!is_closed(errors), "{errors:?}");
        }
        assert_eq!(check(), Ok(()));
    }
}
