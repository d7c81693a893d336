package org.json;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A stub of Android's JSON. It finds the string fields of a flat object. */
public final class JSONObject {
    private final String text;

    public JSONObject(String text) throws JSONException {
        if (!text.startsWith("{") || !text.endsWith("}")) throw new JSONException("not an object");
        this.text = text;
    }

    public String getString(String name) throws JSONException {
        Matcher matcher = Pattern.compile("\"" + name + "\":\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(text);
        if (!matcher.find()) throw new JSONException("no such field");
        return matcher.group(1);
    }
}
