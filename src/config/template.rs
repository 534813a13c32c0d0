//! Templates of `[sync.map]`: text with `{tokens}`. What stands between two tokens is written only when both sides say something,
//! so an absent company leaves no dangling dash.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A template, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    lines: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Token(Token),
}

/// What a token stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the CRM's value of that name")]
pub enum Token {
    First,
    Middle,
    Last,
    Company,
    Title,
    Owner,
    Tags,
    City,
    /// The day on which the record was created.
    Created,
    /// The CRM's id of its account.
    Account,
    /// The CRM's id of the contact.
    Contact,
    /// A custom field, by the name that it has in the CRM.
    Custom(String),
}

/// What a template came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The text, without blanks around it.
    pub text: String,
    /// Bytes of `text` up to and including the value of `{first}`, when `{last}` says something behind it.
    pub split: Option<usize>,
}

impl Template {
    /// Every token, in order.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.lines.iter().flatten().filter_map(|piece| match piece {
            Piece::Token(token) => Some(token),
            Piece::Literal(_) => None,
        })
    }

    /// Puts values in. A line of which no token has a value is left out; one without tokens stays if another line does.
    pub fn render(&self, value: impl Fn(&Token) -> String) -> Rendered {
        let lines: Vec<(Rendered, bool)> = self.lines.iter().map(|line| render_line(line, &value)).collect();
        if !lines.iter().any(|(_, says)| *says) {
            return Rendered::default();
        }
        if let [(only, _)] = lines.as_slice() {
            return only.clone();
        }
        let has_token = |line: &[Piece]| line.iter().any(|p| matches!(p, Piece::Token(_)));
        let kept = self.lines.iter().zip(&lines).filter(|(line, (_, says))| *says || !has_token(line));
        let text = kept.map(|(_, (rendered, _))| rendered.text.as_str()).collect::<Vec<_>>().join("\n");
        Rendered { text: text.trim().to_owned(), split: None }
    }
}

/// The second answer: whether a token had a value.
fn render_line(line: &[Piece], value: &impl Fn(&Token) -> String) -> (Rendered, bool) {
    let (mut out, mut between) = (String::new(), String::new());
    let (mut says, mut skipped, mut first_ends, mut last_says) = (false, false, None, false);
    for piece in line {
        match piece {
            Piece::Literal(text) => between = if skipped { past(&between, text) } else { text.clone() },
            Piece::Token(token) => {
                let text = value(token);
                skipped = text.is_empty();
                if skipped {
                    continue;
                }
                // A literal at the very beginning belongs to the token behind it.
                let begins = matches!(line, [Piece::Literal(_), Piece::Token(t), ..] if t == token);
                if says || begins {
                    out.push_str(&between);
                }
                out.push_str(&text);
                between.clear();
                says = true;
                match token {
                    Token::First => first_ends = Some(out.len()),
                    Token::Last => last_says = first_ends.is_some(),
                    _ => {}
                }
            }
        }
    }
    let is_trailing = matches!(line.last(), Some(Piece::Literal(_)));
    if is_trailing && !skipped {
        out.push_str(&between);
    } else if is_trailing {
        out.push_str(closing(&out, &between));
    }
    let indent = out.len() - out.trim_start().len();
    let split = first_ends.filter(|_| last_says).map(|at| at - indent);
    (Rendered { text: out.trim().to_owned(), split }, says)
}

const OPENING: [char; 3] = ['(', '[', '«'];
const CLOSING: [char; 3] = [')', ']', '»'];

/// What stands between two values when the token between these two literals has none: the second literal, but a bracket that
/// was opened for the absent value is not closed, and one that goes on is opened.
fn past(before: &str, after: &str) -> String {
    if !before.ends_with(OPENING) {
        return after.to_owned();
    }
    match after.strip_prefix(CLOSING) {
        Some(rest) => rest.to_owned(),
        None => before.to_owned(),
    }
}

/// The closing bracket with which a literal begins, if the text has an open one.
fn closing<'a>(out: &str, literal: &'a str) -> &'a str {
    let (open, closed) = (out.matches(OPENING).count(), out.matches(CLOSING).count());
    match literal.chars().next() {
        Some(bracket) if open > closed && CLOSING.contains(&bracket) => &literal[..bracket.len_utf8()],
        _ => "",
    }
}

impl Token {
    fn read(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("custom:") {
            let name = name.trim();
            return if name.is_empty() {
                Err("{custom:…} needs the name of a custom field".to_owned())
            } else {
                Ok(Self::Custom(name.to_owned()))
            };
        }
        Ok(match text {
            "first" => Self::First,
            "middle" => Self::Middle,
            "last" => Self::Last,
            "company" => Self::Company,
            "title" => Self::Title,
            "owner" => Self::Owner,
            "tags" => Self::Tags,
            "city" => Self::City,
            "created" => Self::Created,
            "account" => Self::Account,
            "contact" => Self::Contact,
            _ => {
                return Err(format!(
                    "{{{text}}} stands for nothing; there are {{first}} {{middle}} {{last}} {{company}} {{title}} {{owner}} \
                     {{tags}} {{city}} {{created}} {{account}} {{contact}} and {{custom:NAME}}"
                ));
            }
        })
    }
}

impl FromStr for Template {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(pieces).collect::<Result<Vec<_>, _>>()?;
        let template = Self { text: text.to_owned(), lines };
        if template.tokens().next().is_none() {
            return Err(format!("\"{text}\" says the same of everybody: a template needs a token such as {{first}}"));
        }
        Ok(template)
    }
}

fn pieces(line: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some((literal, behind)) = rest.split_once('{') {
        let (token, behind) =
            behind.split_once('}').ok_or_else(|| format!("\"{line}\": a {{ is not followed by its }}"))?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        pieces.push(Piece::Token(Token::read(token.trim())?));
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    Ok(pieces)
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str, values: &[(&str, &str)]) -> Rendered {
        let template: Template = template.parse().expect("a template");
        template.render(|token| {
            let known = values.iter().find(|(name, _)| Token::read(name).as_ref() == Ok(token));
            known.map(|(_, value)| (*value).to_owned()).unwrap_or_default()
        })
    }

    #[test]
    fn what_stands_between_two_values_needs_both() {
        let card = "{first} {last} – {company}";
        let paren = "{first} {last} ({company})";
        let inner = "{first} ({middle}) {last}";
        let list = "{first} ({last} {company})";
        for (template, values, text) in [
            (card, &[("first", "Anne"), ("last", "Roy"), ("company", "Acme")][..], "Anne Roy – Acme"),
            (card, &[("first", "Anne"), ("last", "Roy")], "Anne Roy"),
            (card, &[("first", "Anne"), ("company", "Acme")], "Anne – Acme"),
            (card, &[("last", "Roy"), ("company", "Acme")], "Roy – Acme"),
            (card, &[("company", "Acme")], "Acme"),
            (card, &[], ""),
            (paren, &[("first", "Anne"), ("company", "Acme")], "Anne (Acme)"),
            (paren, &[("first", "Anne"), ("last", "Roy")], "Anne Roy"),
            (inner, &[("first", "Anne"), ("last", "Roy")], "Anne Roy"),
            (inner, &[("first", "Anne"), ("middle", "M."), ("last", "Roy")], "Anne (M.) Roy"),
            (list, &[("first", "Anne"), ("company", "Acme")], "Anne (Acme)"),
            (list, &[("first", "Anne"), ("last", "Roy")], "Anne (Roy)"),
            (list, &[("first", "Anne")], "Anne"),
            ("CRM: {first}", &[("first", "Anne")], "CRM: Anne"),
            ("CRM: {first}", &[], ""),
            ("{custom:Rang} {last}", &[("custom:Rang", "A"), ("last", "Roy")], "A Roy"),
        ] {
            assert_eq!(render(template, values).text, text, "{template} {values:?}");
        }
    }

    #[test]
    fn a_line_without_values_is_left_out() {
        let note = "Fiche du CRM\nClient depuis {created}\nCourtier : {owner}";
        assert_eq!(render(note, &[("owner", "Luc")]).text, "Fiche du CRM\nCourtier : Luc");
        assert_eq!(render(note, &[]).text, "");
    }

    #[test]
    fn a_name_is_split_behind_the_first_name_when_a_last_name_follows() {
        let split = |template: &str, values: &[(&str, &str)]| {
            let Rendered { text, split } = render(template, values);
            split.map(|at| (text[..at].to_owned(), text[at..].trim().to_owned()))
        };
        let whole = [("first", "Anne"), ("last", "Roy"), ("company", "Acme")];
        let parts = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(split("{first} {last} – {company}", &whole), parts("Anne", "Roy – Acme"));
        assert_eq!(split("{company} – {first} {last}", &whole), parts("Acme – Anne", "Roy"));
        assert_eq!(split("{last}, {first}", &whole), None);
        assert_eq!(split("{first} {last} – {company}", &whole[..1]), None);
    }

    #[test]
    fn what_is_no_template_is_refused_with_a_sentence() {
        for (text, says) in [
            ("Anne", "needs a token"),
            ("{first", "not followed"),
            ("{firstname}", "stands for nothing"),
            ("{custom:}", "needs the name"),
        ] {
            assert!(text.parse::<Template>().is_err_and(|e| e.contains(says)), "{text}");
        }
    }
}
