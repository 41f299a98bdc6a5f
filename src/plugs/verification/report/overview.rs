//! The verification report: amounts of knowledge by domain, person, kind of evidence or month.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::base::zone::{self, Period};
use crate::identities::Identities;
use crate::report::trend::{Steps, Trend};
use crate::report::{Column, Row, Sheet, freshness};
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::ValueEnum;
use sessionmill_verification::NAME;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a row of the report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Domain of the items.
    Domain,
    /// Person whose statement the evidence is.
    #[value(alias = "person")]
    User,
    /// Correction, confirmation, unprompted definition or instruction.
    Type,
    /// Month of the evidence.
    Month,
}

/// Restricts a report to some evidence.
#[derive(Clone, Debug)]
pub struct Filter {
    pub days: Days,
    /// A person or a folder.
    pub user: Option<String>,
    pub zone: Tz,
    /// Which folder belongs to which person.
    pub identities: Arc<Identities>,
}

/// An item counts once in a row, even if the row has several pieces of its evidence.
const COLUMNS: [Column; 10] = [
    Column::count("items", "Items"),
    Column::count("approved", "Approved"),
    Column::count("pending", "Pending"),
    Column::count("rejected", "Rejected").spare(),
    Column::count("evidence", "Evidence").rank(2),
    Column::count("corrections", "Corrections").spare(),
    Column::count("confirmations", "Confirmations").spare(),
    Column::count("definitions", "Definitions").spare(),
    Column::count("people", "People").rank(1),
    Column::count("instructions", "Instructions").spare(),
];

/// A piece of evidence, with the status of its item.
struct Piece {
    domain: String,
    item: String,
    status: String,
    kind: String,
    /// The person, or the folder if the person is unknown.
    user: String,
    time: Option<DateTime<Utc>>,
}

/// Makes the report.
///
/// # Errors
///
/// If the database cannot be read.
pub fn verification(reader: Reader<'_>, by: By, filter: &Filter) -> Result<Sheet> {
    let pieces = pieces(reader, filter)?;
    let mut rows: BTreeMap<Option<String>, Vec<&Piece>> = BTreeMap::new();
    for piece in &pieces {
        let key = match by {
            By::Domain => Some(piece.domain.clone()),
            By::User => Some(piece.user.clone()),
            By::Type => Some(piece.kind.clone()),
            By::Month => piece.time.map(|time| Period::Month.of(time, filter.zone)),
        };
        rows.entry(key).or_default().push(piece);
    }
    let times = || pieces.iter().filter_map(|piece| piece.time);
    let steps = match by {
        By::Month => Steps::default(),
        _ => Steps::of(filter.days, [times().min(), times().max()], filter.zone),
    };
    let rows = rows.into_iter().map(|(key, pieces)| {
        let mut trend = Trend::default();
        pieces.iter().filter_map(|piece| piece.time).for_each(|time| trend.add(steps.at(time), 1));
        Row { trend: steps.numbers(&trend), ..Row::new(key, numbers(&pieces)) }
    });
    let by = match by {
        By::Domain => "domain",
        By::User => "user",
        By::Type => "type",
        By::Month => "month",
    };
    let (as_of, pending) = freshness(reader, NAME)?;
    let totals = numbers(&pieces.iter().collect::<Vec<_>>());
    Ok(Sheet {
        by,
        columns: COLUMNS.as_slice().into(),
        rows: rows.collect(),
        totals,
        as_of,
        pending,
        ..Sheet::default()
    })
}

/// The numbers in the order of [`COLUMNS`].
fn numbers(pieces: &[&Piece]) -> Vec<Option<i128>> {
    let items: BTreeSet<_> = pieces.iter().map(|piece| (&piece.item, &*piece.status)).collect();
    let people: BTreeSet<_> = pieces.iter().map(|piece| &piece.user).collect();
    let of_status = |status: &str| items.iter().filter(|(_, of)| *of == status).count();
    let of_kind = |kind: &str| pieces.iter().filter(|piece| piece.kind == kind).count();
    let numbers = [
        items.len(),
        of_status("approved"),
        of_status("pending"),
        of_status("rejected"),
        pieces.len(),
        of_kind("correction"),
        of_kind("confirmation"),
        of_kind("unprompted_definition"),
        people.len(),
        of_kind("instruction"),
    ];
    numbers.into_iter().map(|number| Some(number as i128)).collect()
}

fn pieces(reader: Reader<'_>, filter: &Filter) -> Result<Vec<Piece>> {
    let (since, until) = (
        filter.days.since.map(|day| zone::begin(day, filter.zone)),
        filter.days.until.map(|day| zone::end(day, filter.zone)),
    );
    let sql = "SELECT item.domain, piece.item_id, status, piece.detection_type, username, time
         FROM facts.verification_evidence AS piece JOIN facts.knowledge_items AS item USING (key_hash, item_id)";
    let mut pieces: Vec<_> = reader.rows(sql, &[], |row| {
        let (domain, item, status) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Piece { domain, item, status, kind: row.get(3)?, user: row.get(4)?, time: row.time(5)? })
    })?;
    let identities = &filter.identities;
    if let Some(name) = &filter.user {
        let known: BTreeSet<_> = pieces.iter().map(|piece| piece.user.clone()).collect();
        let folders = identities.meant(name, &known.into_iter().collect::<Vec<_>>())?;
        pieces.retain(|piece| folders.contains(&piece.user));
    }
    pieces.iter_mut().for_each(|piece| piece.user = identities.label(&piece.user).to_owned());
    // Evidence without a time is outside of any period.
    let is_in = |time: Option<DateTime<Utc>>| {
        since.is_none_or(|since| time.is_some_and(|time| time >= since))
            && until.is_none_or(|until| time.is_some_and(|time| time < until))
    };
    pieces.retain(|piece| is_in(piece.time));
    Ok(pieces)
}
