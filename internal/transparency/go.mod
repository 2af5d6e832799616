module github.com/lastbyte-go/lastbyte/internal/transparency

go 1.26
