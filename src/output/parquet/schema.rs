//! The columns of the Parquet file: the fields of a row in their order, what has parts flattened as in CSV.
//!
//! Does not know a row.
//!
//! Types are the narrowest that the contract of the row allows. JSON is text (`STRING`) and not `JSON`, which readers
//! take for different things, or refuse.

use parquet::errors::Result;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::Type;

/// The schema as Parquet writes one. Lists have the three levels that the standard asks for.
const SCHEMA: &str = "
    message row {
        required int64 seq (INTEGER(64, false));
        required binary url (STRING);
        required binary outcome (STRING);
        optional int32 status (INTEGER(16, false));
        optional binary error_kind (STRING);
        optional binary error_message (STRING);
        optional binary final_url (STRING);
        required int32 redirects (INTEGER(32, false));
        required int32 attempts (INTEGER(32, false));
        optional binary content_type (STRING);
        optional binary charset (STRING);
        required int64 bytes (INTEGER(64, false));
        optional binary truncated (STRING);
        optional binary digest (STRING);
        optional binary title (STRING);
        optional group links (LIST) {
            repeated group list {
                required binary element (STRING);
            }
        }
        optional binary fields (STRING);
        optional binary remote_ip (STRING);
        optional binary http_version (STRING);
        optional int64 fetched_at (TIMESTAMP(MILLIS, true));
        optional double time_connect;
        optional double time_first_byte;
        optional double time_total;
        optional int32 worker (INTEGER(32, false));
        optional binary warc_file (STRING);
        optional int64 warc_offset (INTEGER(64, false));
        optional int64 warc_length (INTEGER(64, false));
        optional binary input (STRING);
    }";

/// The schema of a file of rows.
///
/// # Errors
/// When it can not be parsed, which a test rules out.
pub(super) fn schema() -> Result<Type> {
    parse_message_type(SCHEMA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::RowForm;

    #[test]
    fn the_columns_are_those_of_csv() {
        let schema = schema().unwrap();
        let names: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
        assert_eq!(names.join(",") + "\r\n", String::from_utf8_lossy(RowForm::Csv.head()));
    }
}
