//! Reserved short ids. In the HTTP API, the path of the list of tasks with such an id already means something else.
//! Tasks with a reserved id are stored like any others, but users are warned.

use super::settings::Settings;
use crate::base::error::{Result, count};
use crate::config::Config;
use crate::run::summary::Summary;
use crate::store::reader::Reader;
use sessionmill_tasks::NAME;

/// Separates the ids in the parameter of the query.
const SEPARATOR: &str = "\n";

/// The remarks after a run: how many tasks have a reserved short id.
pub fn remarks(config: &Config, reader: Reader<'_>, summary: &Summary) -> Result<Vec<String>> {
    let reserved = config.settings::<Settings>().reserved;
    let has_read = summary.processors.iter().any(|counts| counts.processor == NAME && counts.items_extracted > 0);
    if reserved.is_empty() || !has_read {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = reserved.into_iter().collect();
    Ok(tasks(reader, &ids)?.into_iter().map(|(id, tasks)| warning(&id, tasks)).collect())
}

fn warning(id: &str, tasks: u64) -> String {
    let have = if tasks == 1 { "has" } else { "have" };
    format!("the short id `{id}` is reserved, and {} {have} it: use another one", count(tasks, "task"))
}

/// The reserved ids that tasks have, each with the number of its tasks.
fn tasks(reader: Reader<'_>, ids: &[String]) -> Result<Vec<(String, u64)>> {
    let sql = "SELECT short_id, count(DISTINCT task_id) FROM facts.task_events
               WHERE list_contains(string_split(?, chr(10)), short_id) GROUP BY short_id ORDER BY short_id";
    reader.rows(sql, &[ids.join(SEPARATOR).into()], |row| Ok((row.get(0)?, row.get(1)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_says_what_to_do() {
        assert_eq!(warning("task", 1), "the short id `task` is reserved, and 1 task has it: use another one");
        assert_eq!(warning("user", 2), "the short id `user` is reserved, and 2 tasks have it: use another one");
    }
}
