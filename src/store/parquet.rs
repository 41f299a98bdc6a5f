//! The public tables of a snapshot as Parquet files, one per table, for programs that cannot read DuckDB files.

use crate::base::error::{Error, Result};
use crate::store::snapshot::quoted;
use duckdb::Connection;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Writes the tables of the current database into a new folder, and reads the files back to compare them.
///
/// # Errors
///
/// If a file cannot be written, or its content differs from its table.
pub(super) fn write(connection: &Connection, tables: &[String], folder: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .map_err(|error| Error::cannot("make", folder.display(), error))?;
    for table in tables {
        let path = folder.join(format!("{table}.parquet"));
        let file = quoted(&path)?;
        connection.execute_batch(&format!("COPY main.\"{table}\" TO {file} (FORMAT parquet, COMPRESSION zstd)"))?;
        let sum = "SELECT count(*) || ' ' || coalesce(bit_xor(hash(t)), 0) FROM";
        let [written, expected] = [format!("{sum} read_parquet({file}) t"), format!("{sum} main.\"{table}\" t")];
        let say = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0));
        if say(&written)? != say(&expected)? {
            return Err(Error::cannot("publish", path.display(), "its content differs from its table"));
        }
    }
    Ok(())
}
