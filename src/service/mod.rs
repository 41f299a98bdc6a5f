//! The service, and what others see of it.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`daemon`] | one loop, and a worker for each run |
//! | [`trigger`] | requests, as files |
//! | [`order`] | what they can say |
//! | [`folder`] | a folder of ours that others may write to |
//! | [`history`] | the last run of a processor, for its schedule |
//! | [`metrics`] | how processors do, for Prometheus |
//! | [`systemd`] | what the service reports to systemd |
//! | [`unit`](mod@unit) | what its unit lets it do |

pub mod daemon;
pub mod folder;
pub mod history;
pub mod metrics;
pub mod order;
pub mod systemd;
pub mod trigger;
pub mod unit;
