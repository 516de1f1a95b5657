package restore

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"coffre.invalid/agent/internal/text"
)

var months = []string{
	"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre",
}

// formatDate writes a moment as it is said: « 1er mars 2026 à 14 h 07 ».
func formatDate(moment time.Time) string {
	day := strconv.Itoa(moment.Day())
	if day == "1" {
		day = "1er"
	}
	return fmt.Sprintf("%s %s %d à %d h %02d", day, months[moment.Month()-1], moment.Year(), moment.Hour(), moment.Minute())
}

// formatSize writes a size in French decimal units: « 1,5 Go ».
func formatSize(bytes uint64) string {
	if bytes < 1000 {
		return fmt.Sprintf("%d o", bytes)
	}
	value, units := float64(bytes), []string{"o", "ko", "Mo", "Go", "To", "Po", "Eo"}
	unit := 0
	// 999,95 would be written 1000,0.
	for value >= 999.95 && unit < len(units)-1 {
		value, unit = value/1000, unit+1
	}
	return strings.Replace(fmt.Sprintf("%.1f %s", value, units[unit]), ".", ",", 1)
}

// pad fills up to width characters, which are not bytes in French.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

func padLeft(text string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text))) + text
}

// reason says in French why the system refused something.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "accès refusé"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		return "il n'existe pas"
	case errors.Is(err, syscall.ENOTDIR):
		return "ce n'est pas un dossier"
	case errors.Is(err, syscall.ENOSPC):
		return "il n'y a plus de place sur le disque"
	case errors.Is(err, syscall.EROFS):
		return "le disque est en lecture seule"
	}
	return text.Line(err.Error(), messageLimit)
}
