module github.com/lastbyte-go/lastbyte/transparency

go 1.26
