// Refresh and Preview on a learner's page go by what is saved. They are offered to somebody who can edit the page only
// where this script can warn of what is typed and not saved; without it there are "Save and refresh" and "Save and preview".
'use strict';
{
    function isChanged(field) {
        if (field.type === 'checkbox' || field.type === 'radio') {
            return field.checked !== field.defaultChecked;
        }
        if (field.type === 'file') {
            return field.value !== '';
        }
        if (field.options) {
            const options = [...field.options];
            // Where none is marked as chosen, a list that is not for several shows its first.
            const first = field.multiple || options.some((option) => option.defaultSelected) ? undefined : options[0];
            return options.some((option) => option.selected !== (option.defaultSelected || option === first));
        }
        return 'defaultValue' in field && field.value !== field.defaultValue;
    }

    for (const form of document.querySelectorAll('form[data-onefile-unsaved]')) {
        const edited = document.getElementById(form.dataset.onefileEdits);
        form.addEventListener('submit', (event) => {
            const unsaved = edited && [...edited.elements].some((field) => field.name && isChanged(field));
            if (unsaved && !window.confirm(form.dataset.onefileUnsaved)) {
                event.preventDefault();
            }
        });
    }
    for (const button of document.querySelectorAll('[data-onefile-tool]')) {
        button.hidden = false;
    }
}
