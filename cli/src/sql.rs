//! `tracklite sql`: the result of a query.

use std::collections::BTreeSet;

use tracklite::{Database, SqlTable, SqlValue};

use crate::args::SqlArgs;
use crate::json::{self, Hexadecimal, RowObject};
use crate::table::{Cell, Table};
use crate::terminal::{Style, Terminal};
use crate::{Exit, Failure, Outcome, text};

/// Prints the rows of a query.
pub(crate) fn sql(args: &SqlArgs, terminal: &mut Terminal) -> Outcome {
    let mut result = Database::open_read_only(&args.file.path)?.sql(&args.query)?;
    if args.output.json {
        make_distinct(&mut result.columns);
        let rows = result.rows.iter();
        let rows = rows.map(|values| Ok(RowObject { names: &result.columns, values }));
        json::print_array(terminal, rows)?;
    } else {
        print_rows(&result, terminal)?;
    }
    Ok(Exit::Success)
}

/// Numbers columns with the same name, because an object can have a name only once.
fn make_distinct(names: &mut [String]) {
    let mut taken = BTreeSet::new();
    for name in names {
        let plain = name.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            *name = format!("{plain}_{number}");
            number += 1;
        }
    }
}

fn print_rows(result: &SqlTable, terminal: &mut Terminal) -> Result<(), Failure> {
    let mut table = Table::default();
    for (at, title) in result.columns.iter().enumerate() {
        let cells = || result.rows.iter().filter_map(|row| row.get(at));
        let is_number =
            |value: &SqlValue| matches!(value, SqlValue::Integer(_) | SqlValue::Real(_));
        if cells().any(is_number) {
            table.numbers(title, cells().map(sql_cell));
        } else {
            table.long_text(title, 12, cells().map(sql_cell));
        }
    }
    let left_out = table.print(terminal)?;
    let rows = text::plural(result.rows.len() as u64, "row");
    let note = match left_out.is_empty() {
        true => rows,
        false => format!("{rows}; no room for {}", left_out.join(", ")),
    };
    let note = terminal.paint(Style::Faint, &format!("({note})")).into_owned();
    terminal.line(&note)?;
    Ok(())
}

fn sql_cell(value: &SqlValue) -> Cell {
    match value {
        SqlValue::Null => Cell::styled(Style::Faint, "NULL"),
        SqlValue::Integer(value) => value.to_string().into(),
        SqlValue::Real(value) => text::exact(*value).into(),
        SqlValue::Text(value) => value.into(),
        SqlValue::Blob(bytes) => Hexadecimal(bytes).to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_one_name_are_numbered() {
        let mut names = ["a", "b", "a", "a_2", "a"].map(str::to_owned);
        make_distinct(&mut names);
        assert_eq!(names, ["a", "b", "a_2", "a_2_2", "a_3"]);
    }
}
