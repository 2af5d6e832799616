package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const performance = "docs/performance.md"

// document writes the tables that -keep has kept into docs/performance.md of the
// repository at root, and their plots beside it.
func document(root string) error {
	text, err := os.ReadFile(filepath.Join(root, performance))
	if err != nil {
		return err
	}
	tables, err := kept()
	if err != nil {
		return err
	}
	out, err := filled(string(text), tables)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if t.Chart == nil {
			continue
		}
		svg, err := t.svg()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, "docs", "performance", t.Name+".svg"), []byte(svg), 0o666); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(root, performance), []byte(out), 0o666)
}

// kept reads measured/.
func kept() (tables []Table, err error) {
	files, err := filepath.Glob("measured/*.json")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var t Table
		if err := json.Unmarshal(text, &t); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// filled puts each table between its two marks, which stand on lines of their own.
func filled(text string, tables []Table) (string, error) {
	for _, t := range tables {
		begin, end := fmt.Sprintf("<!-- table %s -->\n", t.Name), fmt.Sprintf("<!-- end %s -->\n", t.Name)
		before, rest, ok := strings.Cut(text, begin)
		_, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			return "", fmt.Errorf("%s has no lines %q and %q", performance, begin, end)
		}
		text = before + begin + t.section() + end + after
	}
	return text, nil
}

// section is the table in the document, with its plot, if it has one.
func (t *Table) section() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s.\n`%s`, %s.\n\n", t.Title, t.Command, t.Machine)
	if t.Chart != nil {
		fmt.Fprintf(&b, "![%s](performance/%s.svg)\n\n", t.Title, t.Name)
	}
	return b.String() + t.markdown() + "\n"
}
