//! Converts cells of any query to JSON and to text.

use crate::base::utc;
use chrono::{DateTime, TimeDelta};
use duckdb::types::TimeUnit;
pub use duckdb::types::Value as Cell;
use serde_json::{Map, Value, json};

/// Decimal digits that a JSON number, read as a double, keeps exactly.
const EXACT_DIGITS: usize = 15;

/// The cell as JSON. Values without a JSON number, such as infinity, and decimals with more digits become text.
pub fn json(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Boolean(bool) => json!(bool),
        Cell::TinyInt(int) => json!(int),
        Cell::SmallInt(int) => json!(int),
        Cell::Int(int) => json!(int),
        Cell::BigInt(int) => json!(int),
        Cell::UTinyInt(int) => json!(int),
        Cell::USmallInt(int) => json!(int),
        Cell::UInt(int) => json!(int),
        Cell::UBigInt(int) => json!(int),
        Cell::HugeInt(int) => i64::try_from(*int).map_or_else(|_| json!(int.to_string()), |int| json!(int)),
        Cell::UHugeInt(int) => u64::try_from(*int).map_or_else(|_| json!(int.to_string()), |int| json!(int)),
        Cell::Float(float) if float.is_finite() => json!(float),
        Cell::Float(float) => unbounded(f64::from(*float)),
        Cell::Double(float) if float.is_finite() => json!(float),
        Cell::Double(float) => unbounded(*float),
        Cell::Decimal(decimal) => {
            let text = decimal.to_string();
            let digits = text.chars().filter(char::is_ascii_digit).count();
            text.parse().ok().filter(|_: &f64| digits <= EXACT_DIGITS).map_or_else(|| json!(text), |float| json!(float))
        }
        Cell::Text(text) | Cell::Enum(text) => json!(text),
        Cell::Timestamp(unit, time) => timestamp(*unit, *time),
        Cell::Date32(i32::MAX) => json!("infinity"),
        Cell::Date32(days) if *days == -i32::MAX => json!("-infinity"),
        Cell::Date32(days) => {
            let day = DateTime::UNIX_EPOCH.checked_add_signed(TimeDelta::days((*days).into()));
            json!(day.map(|day| day.date_naive().to_string()))
        }
        Cell::Time64(unit, time) => {
            json!(DateTime::from_timestamp_micros(unit.to_micros(*time)).map(|time| time.time().to_string()))
        }
        Cell::Interval { months, days, nanos } => json!({"months": months, "days": days, "nanos": nanos}),
        Cell::Blob(bytes) | Cell::Geometry(bytes) => json!(hex::encode(bytes)),
        Cell::List(cells) | Cell::Array(cells) => cells.iter().map(json).collect(),
        Cell::Struct(fields) => {
            Value::Object(fields.iter().map(|(name, cell)| (name.clone(), json(cell))).collect::<Map<_, _>>())
        }
        Cell::Map(entries) => {
            Value::Object(entries.iter().map(|(key, cell)| (text(key), json(cell))).collect::<Map<_, _>>())
        }
        Cell::Union(cell) => json(cell),
        _ => json!("(a type that cannot be shown; cast it to text)"),
    }
}

/// `inf`, `-inf` or `nan`, as DuckDB writes them.
fn unbounded(float: f64) -> Value {
    json!(float.to_string().to_lowercase())
}

/// The cell as text; null is empty.
pub fn text(cell: &Cell) -> String {
    plain(&json(cell))
}

/// JSON as text; null is empty.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn timestamp(unit: TimeUnit, time: i64) -> Value {
    if time.unsigned_abs() == i64::MAX.unsigned_abs() {
        return json!(if time > 0 { "infinity" } else { "-infinity" });
    }
    let time = DateTime::from_timestamp_micros(unit.to_micros(time));
    json!(time.map(utc::shortest))
}
