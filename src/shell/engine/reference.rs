//! The reference of the commands, written from the table.

use super::command::{Argument, Command, Mode, Piped};
use super::pipe::PIPES;
use super::table::COMMANDS;
use std::fmt::{self, Write};

/// Writes the reference as Markdown, for `docs/cli.md`.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    match write_reference(&mut text) {
        Ok(()) => text,
        // A string takes whatever is written.
        Err(fmt::Error) => String::new(),
    }
}

fn write_reference(out: &mut String) -> fmt::Result {
    out.write_str(
        "# Commands\n\n\
         Words may be abbreviated as long as only one command begins so. `?` shows what may come next, Tab and space \
         complete. `#` and `!` begin a comment.\n",
    )?;
    for (mode, prompt) in [(Mode::Operational, ">"), (Mode::Configuration, "%")] {
        let name = mode.name();
        let (first, rest) = name.split_at(1);
        writeln!(out, "\n## {}{rest} mode (`{prompt}`)", first.to_uppercase())?;
        for command in COMMANDS.iter().filter(|command| command.mode == mode) {
            write_command(out, command)?;
        }
    }
    write_pipes(out)
}

fn write_command(out: &mut String, command: &Command) -> fmt::Result {
    write!(out, "\n### `{}`\n\n{}.", command.usage(), command.help)?;
    if !command.about.is_empty() {
        write!(out, " {}", command.about)?;
    }
    out.write_char('\n')?;
    write_arguments(out, command.arguments)?;
    match command.piped {
        Piped::No => Ok(()),
        Piped::Lines => out.write_str("\nIts output can be piped through what works on lines.\n"),
        Piped::Entries => {
            out.write_str("\nIts output can be piped through what works on lines, and through `display json`.\n")
        }
        Piped::Configuration => out.write_str("\nIts output can be piped through everything.\n"),
    }
}

fn write_arguments(out: &mut String, arguments: &[Argument]) -> fmt::Result {
    let described = arguments.iter().filter(|argument| !argument.help().is_empty());
    for (at, argument) in described.enumerate() {
        let gap = if at == 0 { "\n" } else { "" };
        writeln!(out, "{gap}* `{}`: {}", bare(&argument.usage()), argument.help())?;
    }
    Ok(())
}

/// Takes the brackets away that say that an argument may be left out.
fn bare(usage: &str) -> &str {
    let inside = usage.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.filter(|inside| !inside.contains(['[', ']'])).unwrap_or(usage)
}

fn write_pipes(out: &mut String) -> fmt::Result {
    out.write_str("\n## Pipes\n\nSeveral may follow each other; they work from left to right.\n\n")?;
    out.write_str("| pipe | on | does |\n|---|---|---|\n")?;
    for pipe in PIPES {
        let on = match pipe.needs {
            Piped::No | Piped::Lines => "lines",
            Piped::Entries => "alarms and handlers",
            Piped::Configuration => "the configuration",
        };
        let arguments = pipe.arguments.iter().map(Argument::usage);
        let usage = std::iter::once(pipe.word.to_owned()).chain(arguments).collect::<Vec<_>>().join(" ");
        writeln!(out, "| `{}` | {on} | {} |", usage.replace('|', "\\|"), pipe.help)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_pipe_is_in_the_reference() {
        let text = reference();
        for command in COMMANDS {
            assert!(text.contains(&format!("### `{}`", command.usage())), "{}", command.name());
        }
        for pipe in PIPES {
            assert!(text.contains(&format!("| `{}", pipe.word)));
        }
    }

    #[test]
    fn the_written_reference_is_that_of_the_table() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == reference(), "docs/cli.md should be:\n{}", reference());
    }
}
