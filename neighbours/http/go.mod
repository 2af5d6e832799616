module github.com/lastbyte-go/lastbyte/neighbours/http

go 1.26.0

replace github.com/lastbyte-go/lastbyte => ../..
