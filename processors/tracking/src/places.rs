//! The places of network addresses, from a file in MaxMind's format (<https://maxmind.github.io/MaxMind-DB/>).

use maxminddb::{MaxMindDbError, Reader, geoip2};
use std::fmt;

/// A file of network addresses and their places.
pub struct Places {
    reader: Reader<Vec<u8>>,
    /// Identifies the file.
    pub(crate) build: String,
}

/// The place of an address, as far as the file knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) country: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) city: Option<String>,
}

impl Places {
    /// Opens such a file.
    ///
    /// # Errors
    ///
    /// If it is not such a file.
    pub fn new(file: Vec<u8>) -> Result<Self, MaxMindDbError> {
        let reader = Reader::from_source(file)?;
        let about = reader.metadata();
        let build = format!("{} of {}, {} nodes", about.database_type, about.build_epoch, about.node_count);
        Ok(Self { reader, build })
    }

    /// The place of an address. Empty if the text is not an address, or its part of the file is damaged.
    pub(crate) fn of(&self, ip: &str) -> Place {
        let found = ip.trim().parse().ok().and_then(|ip| self.reader.lookup(ip).ok());
        let Some(city) = found.and_then(|found| found.decode::<geoip2::City<'_>>().ok()?) else {
            return Place::default();
        };
        let region = city.subdivisions.first().and_then(|region| region.names.english);
        Place {
            country: city.country.iso_code.map(str::to_owned),
            region: region.map(str::to_owned),
            city: city.city.names.english.map(str::to_owned),
        }
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Places").field(&self.build).finish()
    }
}
