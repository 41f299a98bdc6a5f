//! The service, and the interfaces through which others see it.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`daemon`] | the main loop, and a worker for each run |
//! | [`trigger`] | requests as files |
//! | [`order`] | the content of a request |
//! | [`folder`] | safe access to a folder that others may write to |
//! | [`history`] | the last run of a processor, for its schedule |
//! | [`metrics`] | the state of the processors, for Prometheus |
//! | [`systemd`] | what the service reports to systemd |
//! | [`unit`](mod@unit) | what the service's unit allows |

pub mod daemon;
pub mod folder;
pub mod history;
pub mod metrics;
pub mod order;
pub mod systemd;
pub mod trigger;
pub mod unit;
