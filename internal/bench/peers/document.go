package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const performance = "docs/performance.md"

// document writes the tables that -keep has kept into the documents of the repository at
// root, and their plots beside docs/performance.md.
func document(root string) error {
	tables, err := kept()
	if err != nil {
		return err
	}
	files, err := documents(root, tables)
	if err != nil {
		return err
	}
	for file, text := range files {
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// documents gives what the files have to be.
func documents(root string, tables []Table) (files map[string]string, err error) {
	files = map[string]string{}
	guide, readme, chinese := filepath.Join(root, performance), filepath.Join(root, "README.md"), filepath.Join(root, "README.zh-CN.md")
	for _, file := range []string{guide, readme, chinese} {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		files[file] = string(text)
	}
	for _, t := range tables {
		if files[guide], err = filled(files[guide], t.Name, t.section()); err != nil {
			return nil, fmt.Errorf("%s: %w", performance, err)
		}
		if t.Chart != nil {
			if files[filepath.Join(root, "docs", "performance", t.Name+".svg")], err = t.svg(); err != nil {
				return nil, err
			}
		}
		if t.Name == "handlers" {
			var err1, err2 error
			files[readme], err1 = filled(files[readme], t.Name, t.short(0))
			files[chinese], err2 = filled(files[chinese], t.Name, t.short(1))
			if err := errors.Join(err1, err2); err != nil {
				return nil, fmt.Errorf("README: %w", err)
			}
		}
	}
	return files, nil
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

// filled puts the section between the two marks of the table of this name, which stand on
// lines of their own.
func filled(text, name, section string) (string, error) {
	begin, end := fmt.Sprintf("<!-- table %s -->\n", name), fmt.Sprintf("<!-- end %s -->\n", name)
	before, rest, ok := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("it has no lines %q and %q", begin, end)
	}
	return before + begin + section + end + after, nil
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

// inReadme are the rows of the table handlers that the README has, and their names there,
// in English and Chinese, as are the heads of its columns.
var (
	inReadme = []struct {
		row   string
		names [2]string
	}{
		{"bare", [2]string{"nothing", "什么都没有"}},
		{"Check", [2]string{"`abort.Check`", "`abort.Check`"}},
		{"CheckOn", [2]string{"`abort.Check`, and `On`", "`abort.Check` 和 `On`"}},
		{"Lifecycle", [2]string{"`Lifecycle.Handler`, silent", "`Lifecycle.Handler`，无日志"}},
		{"LifecycleLog", [2]string{"with a JSON logger", "带 JSON 日志"}},
		{"LifecycleExit", [2]string{"and `Exit(403)`", "和 `Exit(403)`"}},
		{"DetachSend", [2]string{"`Background.Detach`, and `Send`", "`Background.Detach` 和 `Send`"}},
		{"Timeout", [2]string{"`exitcode.Timeout`", "`exitcode.Timeout`"}},
		{"chiTimeout", [2]string{"chi `Timeout`", "chi `Timeout`"}},
		{"TimeoutHandler", [2]string{"`http.TimeoutHandler`", "`http.TimeoutHandler`"}},
	}
	heads = [2][]string{
		{"around a handler that writes 5 bytes", "time / chi `Timeout`", "time / `TimeoutHandler`", "the same, with 8 KB of stack used", "allocations", "bytes"},
		{"包在一个写 5 个字节的处理函数外面", "耗时 / chi `Timeout`", "耗时 / `TimeoutHandler`", "同左，处理函数用 8 KB 栈", "分配次数", "字节"},
	}
)

// short is the part of the table handlers that the README has, in one of its languages.
func (t *Table) short(language int) string {
	s := Table{Columns: heads[language]}
	for _, want := range inReadme {
		for _, row := range t.Rows {
			if row[0] == want.row {
				s.Rows = append(s.Rows, []string{want.names[language], row[1], row[3], row[4], row[6], row[7]})
			}
		}
	}
	return s.markdown()
}
