//! Ids that stand for no particular person: clients send them if they know no id. Events with such an id do not belong
//! to one person.

/// The ids, in lower case.
const NOBODY: [&str; 21] = [
    "",
    "0",
    "00000000-0000-0000-0000-000000000000",
    "[object object]",
    "anonymous",
    "anonymous-user",
    "backend",
    "distinct_id",
    "distinctid",
    "email",
    "false",
    "guest",
    "id",
    "nan",
    "none",
    "not_authenticated",
    "null",
    "system",
    "true",
    "undefined",
    "user",
];

/// Whether an id stands for no particular person, ignoring case and quotes.
pub fn is_nobody(id: &str) -> bool {
    let id = id.trim();
    let unquoted = ['"', '\'', '`'].into_iter().find_map(|quote| id.strip_prefix(quote)?.strip_suffix(quote));
    let id = unquoted.map_or(id, str::trim);
    NOBODY.iter().any(|nobody| nobody.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_can_mean_nobody() {
        for id in
            ["", " ", "0", "NULL", "\"null\"", "' Guest '", "[object Object]", "NaN", "user", "\"\"", "\u{a0}none"]
        {
            assert!(is_nobody(id), "{id}");
        }
        for id in ["00", "nobody", "user1", "\"null", "nullable", "ada", "'", "1"] {
            assert!(!is_nobody(id), "{id}");
        }
    }
}
