//! Tables as text: CSV, TSV, Markdown and LaTeX.

use std::borrow::Cow;

use crate::failure::{Failure, Outcome};

/// The form of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Csv,
    Tsv,
    Markdown,
    Latex,
}

/// A value of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Missing,
    Text(String),
    Number(f64),
}

impl Cell {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Cell::Missing => Cow::Borrowed(""),
            Cell::Text(text) => Cow::Borrowed(text),
            Cell::Number(number) if number.is_infinite() => {
                Cow::Borrowed(if *number > 0.0 { "Infinity" } else { "-Infinity" })
            }
            Cell::Number(number) => Cow::Owned(number.to_string()),
        }
    }
}

impl Form {
    /// Returns the form with this name.
    pub(super) fn named(name: &str) -> Outcome<Form> {
        match name {
            "csv" => Ok(Form::Csv),
            "tsv" => Ok(Form::Tsv),
            "markdown" => Ok(Form::Markdown),
            "latex" => Ok(Form::Latex),
            other => Err(Failure::invalid(format!(
                "unknown format {other:?}: expected csv, tsv, markdown or latex"
            ))),
        }
    }

    /// Returns the type of the content, and the ending of the name of a file.
    pub(super) fn content_type(self) -> (&'static str, &'static str) {
        match self {
            Form::Csv => ("text/csv; charset=utf-8", "csv"),
            Form::Tsv => ("text/tab-separated-values; charset=utf-8", "tsv"),
            Form::Markdown => ("text/markdown; charset=utf-8", "md"),
            Form::Latex => ("application/x-latex; charset=utf-8", "tex"),
        }
    }

    /// Writes a table.
    pub(super) fn write(
        self,
        head: &[String],
        rows: impl IntoIterator<Item = Vec<Cell>>,
    ) -> String {
        let mut text = String::new();
        if self == Form::Latex {
            text.push_str(&format!("\\begin{{tabular}}{{{}}}\n", "l".repeat(head.len())));
        }
        let names: Vec<Cell> = head.iter().cloned().map(Cell::Text).collect();
        self.line(&names, &mut text);
        match self {
            Form::Markdown => text.push_str(&format!("|{}\n", " --- |".repeat(head.len()))),
            Form::Latex => text.push_str("\\hline\n"),
            Form::Csv | Form::Tsv => {}
        }
        rows.into_iter().for_each(|row| self.line(&row, &mut text));
        if self == Form::Latex {
            text.push_str("\\end{tabular}\n");
        }
        text
    }

    fn line(self, cells: &[Cell], text: &mut String) {
        let cells: Vec<Cow<'_, str>> = cells.iter().map(|cell| self.cell(cell)).collect();
        match self {
            Form::Csv => text.push_str(&cells.join(",")),
            Form::Tsv => text.push_str(&cells.join("\t")),
            Form::Markdown => text.push_str(&format!("| {} |", cells.join(" | "))),
            Form::Latex => text.push_str(&format!("{} \\\\", cells.join(" & "))),
        }
        text.push('\n');
    }

    fn cell(self, cell: &Cell) -> Cow<'_, str> {
        let text = match (self, cell) {
            (Form::Csv | Form::Tsv, Cell::Text(text)) => guarded(text),
            _ => cell.text(),
        };
        match self {
            Form::Csv if text.contains([',', '"', '\n', '\r']) => {
                Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
            }
            Form::Csv => text,
            // These have no way to write a line break.
            Form::Tsv => Cow::Owned(text.replace(['\t', '\n', '\r'], " ")),
            Form::Markdown => Cow::Owned(escaped(&text, |character| match character {
                '|' => Some("\\|"),
                '<' => Some("&lt;"),
                '\n' | '\r' => Some(" "),
                _ => None,
            })),
            Form::Latex => Cow::Owned(escaped(&text, latex)),
        }
    }
}

/// Puts a quote before a text that a spreadsheet would take for a formula. Numbers stay numbers.
fn guarded(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    match is_formula && text.parse::<f64>().is_err() {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

fn latex(character: char) -> Option<&'static str> {
    Some(match character {
        '&' => "\\&",
        '%' => "\\%",
        '$' => "\\$",
        '#' => "\\#",
        '_' => "\\_",
        '{' => "\\{",
        '}' => "\\}",
        '~' => "\\textasciitilde{}",
        '^' => "\\textasciicircum{}",
        '\\' => "\\textbackslash{}",
        '\n' | '\r' => " ",
        _ => return None,
    })
}

fn escaped(text: &str, replaced: impl Fn(char) -> Option<&'static str>) -> String {
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        match replaced(character) {
            Some(other) => written.push_str(other),
            None => written.push(character),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form) -> String {
        let head = ["name".to_owned(), "a_b".to_owned()];
        let rows = [
            vec![Cell::Text("x, \"y\" | <z>\n&".to_owned()), Cell::Number(0.1)],
            vec![Cell::Missing, Cell::Number(f64::NEG_INFINITY)],
        ];
        form.write(&head, rows)
    }

    #[test]
    fn special_characters_are_escaped() {
        let csv = "name,a_b\n\"x, \"\"y\"\" | <z>\n&\",0.1\n,-Infinity\n";
        assert_eq!(written(Form::Csv), csv);
        let tsv = "name\ta_b\nx, \"y\" | <z> &\t0.1\n\t-Infinity\n";
        assert_eq!(written(Form::Tsv), tsv);
        let markdown = "| name | a_b |\n| --- | --- |\n| x, \"y\" \\| &lt;z> & | 0.1 |\n\
                        |  | -Infinity |\n";
        assert_eq!(written(Form::Markdown), markdown);
        let latex = "\\begin{tabular}{ll}\nname & a\\_b \\\\\n\\hline\n\
                     x, \"y\" | <z> \\& & 0.1 \\\\\n & -Infinity \\\\\n\\end{tabular}\n";
        assert_eq!(written(Form::Latex), latex);
    }

    #[test]
    fn texts_are_no_formulas_of_spreadsheets() {
        let texts = ["=1+1", "+a", "-a", "@SUM(A1)", "\t=1", "\r=1", "-0.5", "+1e3", "a=b", "-inf"];
        let row = texts.map(|text| Cell::Text(text.to_owned())).to_vec();
        let head = ["=cmd".to_owned()];
        let csv = Form::Csv.write(&head, [row.clone()]);
        let wanted = "'=cmd\n'=1+1,'+a,'-a,'@SUM(A1),'\t=1,\"'\r=1\",-0.5,+1e3,a=b,-inf\n";
        assert_eq!(csv, wanted);
        assert!(Form::Tsv.write(&head, [row.clone()]).starts_with("'=cmd\n'=1+1\t'+a\t"));
        assert!(Form::Markdown.write(&head, [row]).contains("| =1+1 | +a |"));
        let number = Form::Csv.write(&[], [vec![Cell::Number(-0.5)]]);
        assert_eq!(number.trim(), "-0.5");
    }

    #[test]
    fn numbers_keep_their_digits() {
        let third = 1.0 / 3.0;
        let text = Form::Csv.write(&[], [vec![Cell::Number(third), Cell::Number(f64::NAN)]]);
        let numbers = text.trim().split(',').map(|number| number.parse::<f64>().unwrap());
        let numbers: Vec<f64> = numbers.collect();
        assert!(numbers[0].to_bits() == third.to_bits() && numbers[1].is_nan(), "{text}");
    }
}
