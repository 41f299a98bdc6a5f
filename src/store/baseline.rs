//! The newest schema as one batch of SQL. With it, a new database need not run all migrations.
//!
//! The tables of processors and most of their views are made from the tables' declarations; all other statements are in
//! `baseline.sql` and with the processors. A test compares the result with that of the migrations, so a change of the
//! schema must be made in both.

use crate::store::schema::Schema;
use crate::store::settle::alone;
use sessionmill_contract::{Column, ColumnKind, Manifest, Table, Visibility};
use std::fmt::Write as _;

/// Tables that belong to no processor.
const ENGINE: &str = include_str!("baseline.sql");

/// Columns that the store puts before the declared columns of a table of facts.
const ORIGIN: [&str; 2] = ["session_file VARCHAR NOT NULL", "username VARCHAR NOT NULL"];

/// The column by which the store finds the rows of a key.
const KEY: &str = "key_hash BIGINT NOT NULL";

/// The column that marks facts which are entities themselves.
const ALONE: &str = "alone BOOLEAN NOT NULL";

/// The column by which the store finds entities that are the facts of a later settlement: the hash of their key there.
const CHAIN: &str = "chain_hash BIGINT NOT NULL";

/// The statements that create the newest schema in an empty database.
pub(super) fn sql(schema: &Schema) -> String {
    let of_processors = schema.processors().map(|processor| {
        let manifest = processor.manifest();
        format!("{}{}\n{}", tables(manifest), processor.views, comments(manifest))
    });
    std::iter::once(ENGINE.to_owned()).chain(of_processors).collect()
}

/// The tables and generated views of a processor.
fn tables(manifest: &Manifest) -> String {
    let facts = manifest.facts.iter().map(|facts| {
        let settlement = manifest.settlement_of(facts);
        let alone = settlement.and_then(|settlement| settlement.alone.as_ref());
        create(facts, ORIGIN.into_iter().chain(settlement.map(|_| KEY)).chain(alone.map(|_| ALONE)))
    });
    let settlements = manifest.settlements.iter();
    let entities = settlements.clone().flat_map(|settlement| settlement.entities).map(|table| {
        let chain = manifest.settlement_of(table).map(|_| CHAIN);
        create(table, std::iter::once(KEY).chain(chain))
    });
    let reviews = settlements.clone().filter_map(|settlement| settlement.reviews).map(|table| create(table, []));
    facts.chain(entities).chain(reviews).chain(settlements.filter_map(alone::view)).collect()
}

/// A table: first the columns of the store, then the declared ones.
fn create<'c>(table: &Table, before: impl IntoIterator<Item = &'c str>) -> String {
    let own = table.columns.iter().map(column);
    let columns: Vec<_> = before.into_iter().map(str::to_owned).chain(own).collect();
    format!("CREATE TABLE {}.{} ({});\n", table.schema(), table.name, columns.join(", "))
}

fn column(Column { name, kind, is_nullable, default, .. }: &Column) -> String {
    let kind = match kind {
        ColumnKind::Bool => "BOOLEAN",
        ColumnKind::Int => "BIGINT",
        ColumnKind::Text => "VARCHAR",
        ColumnKind::Time => "TIMESTAMP",
    };
    match default {
        // The migration that added it could not make it NOT NULL.
        Some(default) => format!("{name} {kind} DEFAULT {default}"),
        None if *is_nullable => format!("{name} {kind}"),
        None => format!("{name} {kind} NOT NULL"),
    }
}

/// The comments on the tables of a processor, or on the views that show them.
fn comments(manifest: &Manifest) -> String {
    let settlements = manifest.settlements.iter();
    let tables = settlements.flat_map(|settlement| settlement.entities.iter().copied().chain(settlement.reviews));
    let mut sql = String::new();
    for table in manifest.facts.iter().copied().chain(tables) {
        let (kind, name) = match table.visibility {
            Visibility::Hidden => ("TABLE", format!("facts.{}", table.name)),
            Visibility::Viewed => ("VIEW", table.name.to_owned()),
            Visibility::Public => ("TABLE", table.name.to_owned()),
        };
        let mut comment = |kind: &str, name: &str, comment: &str| {
            if !comment.is_empty() {
                let _ = writeln!(sql, "COMMENT ON {kind} {name} IS '{}';", comment.replace('\'', "''"));
            }
        };
        comment(kind, &name, table.comment);
        for column in table.columns {
            comment("COLUMN", &format!("{name}.{}", column.name), column.comment);
        }
    }
    sql
}
